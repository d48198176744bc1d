/* addr_fuzz.c - ports, addresses and command lines as somebody typed them.
 *
 * What is accepted as an address has one text, and the text leads back to it; what is
 * accepted as a port is what the digits say. The command line of the https example is
 * read or refused, never half of each.                                                 */
#include "../../examples/https_args.h"
#include "input.h"
#include "net/impl/addr.h"
#include "net/protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum { ARGS_MAX = 12, ADDRS_MAX = 16 };

static void check_port(const char *text)
{
  uint64_t number = 0;
  uint16_t got = 4711;
  bool digits = text[0] != '\0';
  for (const char *c = text; *c != '\0'; c++) {
    digits = digits && *c >= '0' && *c <= '9';
    if (digits && number <= UINT16_MAX) number = number * 10 + (uint64_t)(*c - '0');
  }
  bool good = digits && number <= UINT16_MAX;
  promise(foal_port_from(text, &got) == good);
  promise(got == (good ? number : 4711));
}

static bool same(const foal__addr *a, const foal__addr *b)
{
  return memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->scope == b->scope &&
         a->port == b->port && a->family == b->family;
}

/* An address and its text, its parts and the system's form all lead back to it. */
static void check_round(const foal__addr *addr)
{
  char text[FOAL__ADDR_TEXT_MAX];
  struct sockaddr_storage system;
  foal__addr again;
  foal__addr_text(addr, text);
  char *colon = strrchr(text, ':');
  promise(colon != NULL && strlen(text) < sizeof text);
  uint16_t port;
  promise(foal_port_from(colon + 1, &port) && port == addr->port);
  *colon = '\0';
  promise(foal__addr_parse(&again, text, port) && same(&again, addr));
  uint32_t len = foal__addr_to(addr, &system);
  promise(len <= sizeof system);
  again = foal__addr_from((const struct sockaddr *)&system);
  promise(same(&again, addr));
}

static void check_addr(const char *text, uint16_t port)
{
  foal__addr addr, untouched;
  unsigned char ip[16];
  memset(&addr, 0x5a, sizeof addr);
  untouched = addr;
  bool good = foal__addr_parse(&addr, text, port);
  bool plain = inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
  promise(good || !plain);
  if (!good) promise(memcmp(&addr, &untouched, sizeof addr) == 0);
  if (!good) return;
  promise(addr.port == port && (addr.family == 4 || addr.family == 6));
  promise(text[strspn(text, "0123456789abcdefABCDEF.:%[]")] == '\0');
  check_round(&addr);
}

/* Any bytes as a peer's address from the system. */
static void check_system(fuzz_input *in)
{
  struct sockaddr_storage system;
  char text[FOAL__ADDR_TEXT_MAX];
  size_t len = sizeof system;
  memset(&system, 0, sizeof system);
  const uint8_t *bytes = input_take(in, &len);
  memcpy(&system, bytes, len);
  if (len > 0 && (bytes[0] & 1) != 0)
    system.ss_family = (bytes[0] & 2) != 0 ? AF_INET : AF_INET6;
  foal__addr addr = foal__addr_from((const struct sockaddr *)&system);
  foal__addr_text(&addr, text);
  if (addr.family == 0)
    promise(text[0] == '\0');
  else
    check_round(&addr);
}

static void check_interleave(fuzz_input *in)
{
  foal__addr addrs[ADDRS_MAX];
  uint32_t count = input_byte(in) % (ADDRS_MAX + 1), sixes = 0;
  for (uint32_t i = 0; i < count; i++) {
    addrs[i] =
        (foal__addr){.port = (uint16_t)i, .family = (input_byte(in) & 1) != 0 ? 6 : 4};
    if (addrs[i].family == 6) sixes++;
  }
  uint16_t first = count > 0 ? addrs[0].family : 0;
  foal__addr_interleave(addrs, count);
  promise(count == 0 || (addrs[0].family == first && addrs[0].port == 0));
  uint32_t turns = sixes < count - sixes ? sixes : count - sixes, last[2] = {0, 0};
  for (uint32_t i = 0; i < count; i++) {
    uint32_t *before = &last[addrs[i].family == 6];
    promise(i == 0 || i >= 2 * turns || addrs[i].family != addrs[i - 1].family);
    promise(*before <= addrs[i].port);
    *before = addrs[i].port;
    if (addrs[i].family == 6) sixes--;
  }
  promise(sixes == 0);
}

/* The reader says on standard error what is wrong: not here, thousands of times. */
static void check_args(fuzz_input *in)
{
  char *argv[ARGS_MAX + 1] = {NULL};
  int argc = 1 + input_byte(in) % (ARGS_MAX - 1);
  https_args args;
  static FILE *nowhere;
  if (nowhere == NULL) nowhere = fopen("/dev/null", "w");
  promise(nowhere != NULL);
  for (int i = 0; i < argc; i++) argv[i] = input_text(in, input_byte(in) % 64);
  FILE *real = stderr;
  stderr = nowhere;
  bool good = https_args_read(&args, argc, argv);
  stderr = real;
  if (good) {
    promise(args.port <= UINT16_MAX && args.workers <= FOAL_WORKERS_MAX);
    promise(args.header_timeout_ms > 0 && args.header_timeout_ms <= 3600000);
    promise(args.key == NULL || args.cert != NULL);
    promise(args.host != NULL && args.host[0] != '\0');
  }
  for (int i = 0; i < argc; i++) free(argv[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  fuzz_input in = {bytes, len};
  uint8_t what = input_byte(&in);
  uint16_t port = input_word(&in);
  if (what % 8 == 0) {
    check_system(&in);
  } else if (what % 8 == 1) {
    check_interleave(&in);
  } else if (what % 8 == 2) {
    check_args(&in);
  } else {
    char *text = input_text(&in, in.left);
    check_port(text);
    check_addr(text, port);
    free(text);
  }
  return 0;
}
