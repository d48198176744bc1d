/* addr.c - addresses and their text. Pure functions: no socket, no look-up. */
#include "impl/addr.h"

#include "../runtime/impl/assert.h"
#include "protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_TEXT_MAX = INET6_ADDRSTRLEN + 12 }; /* "%" and ten digits of a scope */

static bool number_parse(const char *text, uint32_t *out)
{
  char *end = NULL;
  foal_assert(text != NULL && out != NULL);
  if (text[0] < '0' || text[0] > '9') return false;
  unsigned long n = strtoul(text, &end, 10);
  if (*end != '\0' || n > UINT32_MAX) return false;
  *out = (uint32_t)n;
  return true;
}

bool foal_port_from(const char *text, uint16_t *out)
{
  uint32_t n;
  foal_assert(out != NULL);
  if (text == NULL || !number_parse(text, &n) || n > UINT16_MAX) return false;
  *out = (uint16_t)n;
  return true;
}

/* The host without brackets; false when it is too long to be an address. */
static bool host_copy(const char *host, char out[HOST_TEXT_MAX])
{
  size_t len = strlen(host);
  bool bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
  if (bracketed) {
    host++;
    len -= 2;
  }
  if (len == 0 || len >= HOST_TEXT_MAX) return false;
  memcpy(out, host, len);
  out[len] = '\0';
  return true;
}

/* Makes an IPv4 address that is mapped into IPv6 plain. */
static void unmap(foal__addr *addr)
{
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (addr->family != 6 || memcmp(addr->ip, mapped, sizeof mapped) != 0) return;
  memmove(addr->ip, addr->ip + 12, 4);
  memset(addr->ip + 4, 0, 12);
  addr->scope = 0;
  addr->family = 4;
}

bool foal__addr_parse(foal__addr *out, const char *host, uint16_t port)
{
  char text[HOST_TEXT_MAX];
  foal__addr addr = {.port = port};
  foal_assert(out != NULL && host != NULL);
  if (!host_copy(host, text)) return false;
  char *scope = strchr(text, '%');
  if (scope != NULL) {
    *scope = '\0';
    if (!number_parse(scope + 1, &addr.scope)) return false;
  }
  if (scope == NULL && inet_pton(AF_INET, text, addr.ip) == 1) {
    addr.family = 4;
  } else if (inet_pton(AF_INET6, text, addr.ip) == 1) {
    addr.family = 6;
  } else {
    return false;
  }
  unmap(&addr);
  if (scope != NULL && addr.family == 4) return false;
  *out = addr;
  return true;
}

/* Writes the number; returns where it ends. */
static char *number_put(char *at, uint32_t n)
{
  char digits[10];
  int count = 0;
  do {
    digits[count++] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

/* Every server does this with every connection: inet_ntop and snprintf take ten times as
 * long. */
static void text_4(const foal__addr *addr, char *at)
{
  for (int i = 0; i < 4; i++) {
    at = number_put(at, addr->ip[i]);
    *at++ = i < 3 ? '.' : ':';
  }
  *number_put(at, addr->port) = '\0';
}

void foal__addr_text(const foal__addr *addr, char out[FOAL__ADDR_TEXT_MAX])
{
  char ip[INET6_ADDRSTRLEN] = "";
  foal_assert(addr != NULL && out != NULL);
  out[0] = '\0';
  if (addr->family == 4) {
    text_4(addr, out);
  } else if (addr->family == 6) {
    (void)inet_ntop(AF_INET6, addr->ip, ip, sizeof ip);
    if (addr->scope != 0) {
      (void)snprintf(out, FOAL__ADDR_TEXT_MAX, "[%s%%%u]:%u", ip, (unsigned)addr->scope,
                     (unsigned)addr->port);
    } else {
      (void)snprintf(out, FOAL__ADDR_TEXT_MAX, "[%s]:%u", ip, (unsigned)addr->port);
    }
  }
}

static foal__addr from_v6(const struct sockaddr_in6 *in6)
{
  foal__addr addr = {
      .port = ntohs(in6->sin6_port), .family = 6, .scope = in6->sin6_scope_id};
  memcpy(addr.ip, in6->sin6_addr.s6_addr, 16);
  unmap(&addr);
  return addr;
}

foal__addr foal__addr_from(const struct sockaddr *sa)
{
  foal__addr addr = {.family = 0};
  foal_assert(sa != NULL);
  if (sa->sa_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, sa, sizeof in);
    addr.family = 4;
    addr.port = ntohs(in.sin_port);
    memcpy(addr.ip, &in.sin_addr, 4);
  } else if (sa->sa_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof in6);
    addr = from_v6(&in6);
  }
  return addr;
}

uint32_t foal__addr_to(const foal__addr *addr, struct sockaddr_storage *out)
{
  foal_assert(addr != NULL && out != NULL);
  foal_assert(addr->family == 4 || addr->family == 6);
  memset(out, 0, sizeof *out);
  if (addr->family == 4) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&in.sin_addr, addr->ip, 4);
    memcpy(out, &in, sizeof in);
    return sizeof in;
  }
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                             .sin6_port = htons(addr->port),
                             .sin6_scope_id = addr->scope};
  memcpy(&in6.sin6_addr, addr->ip, 16);
  memcpy(out, &in6, sizeof in6);
  return sizeof in6;
}

void foal__addr_interleave(foal__addr *addrs, uint32_t count)
{
  foal_assert(addrs != NULL || count == 0);
  for (uint32_t i = 1; i < count; i++) {
    uint32_t other = i;
    while (other < count && addrs[other].family == addrs[i - 1].family) other++;
    if (other >= count) return;
    foal__addr chosen = addrs[other];
    memmove(&addrs[i + 1], &addrs[i], (other - i) * sizeof addrs[0]);
    addrs[i] = chosen;
  }
}
