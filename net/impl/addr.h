/* addr.h - an address and port as a value, and its text.
 *
 * IPv4 addresses mapped into IPv6 are IPv4 here, so that one peer has one text. The
 * struct is small enough to travel in a message. */
#ifndef FOAL_NET_IMPL_ADDR_H
#define FOAL_NET_IMPL_ADDR_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

typedef struct foal__addr {
  uint8_t ip[16];  /* the first 4 for IPv4 */
  uint32_t scope;  /* interface of a link-local IPv6 address, else 0 */
  uint16_t port;   /* host order */
  uint16_t family; /* 4, 6, or 0: unknown */
} foal__addr;
_Static_assert(sizeof(foal__addr) == 24, "must fit into a message beside a tag");

enum { FOAL__ADDR_TEXT_MAX = 72 }; /* "[" 39 "%" 10 "]:65535" and the end */

/* Reads a numeric address: "192.0.2.1", "::1", "[::1]", "fe80::1%3". false: not
 * numeric. */
bool foal__addr_parse(foal__addr *out, const char *host, uint16_t port);

/* Writes "192.0.2.1:443", "[2001:db8::1]:443", or "" for the unknown. */
void foal__addr_text(const foal__addr *addr, char out[FOAL__ADDR_TEXT_MAX]);

/* From the system's form; anything but IP is unknown. */
foal__addr foal__addr_from(const struct sockaddr *sa);

/* To the system's form; returns its length. The family must be known. */
uint32_t foal__addr_to(const foal__addr *addr, struct sockaddr_storage *out);

/* Orders addresses for connecting: families take turns, the first one found leads
 * (RFC 8305 section 4). */
void foal__addr_interleave(foal__addr *addrs, uint32_t count);

#endif
