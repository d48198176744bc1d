/* dial.h - connecting: several addresses, staggered attempts, the first one wins.
 *
 * RFC 8305 in small: addresses of the two families take turns, an attempt starts when
 * the one before it failed or has had STAGGER_MS without a result, the first socket
 * that works is kept. Belongs to one TCP actor while it connects; plain memory. */
#ifndef FOAL_NET_IMPL_DIAL_H
#define FOAL_NET_IMPL_DIAL_H

#include "transport.h"

typedef struct foal__dial {
  foal__addr addrs[FOAL__LOOKUP_ADDRS_MAX];
  foal__sock *socks[FOAL__LOOKUP_ADDRS_MAX]; /* attempts that run */
  uint32_t count, next, running;
  uint64_t next_ms;  /* when the next attempt starts, if one is left */
  foal__cause cause; /* of the last attempt that failed */
} foal__dial;

/* NULL: out of memory. */
foal__dial *foal__dial_new(void) FOAL_MUST;

/* Takes the addresses to try, in order. */
void foal__dial_begin(foal__dial *dial, const foal__addr *addrs, uint32_t count);

/* Starts attempts that are due at now_ms. false: none runs and none is left; see
 * cause. */
bool foal__dial_go(foal__dial *dial, foal__tcp *owner, uint64_t now_ms) FOAL_MUST;

/* Which attempt this socket is; FOAL__LOOKUP_ADDRS_MAX: none. */
uint32_t foal__dial_find(const foal__dial *dial, const foal__sock *sock);

/* Notes that an attempt failed, and makes the next one due. */
void foal__dial_failed(foal__dial *dial, uint32_t index, foal__cause cause);

/* Takes the socket of an attempt out; NULL: it is over already. */
foal__sock *foal__dial_take(foal__dial *dial, uint32_t index) FOAL_MUST;

/* Closes what still runs and frees; *dial is NULL on return. NULL inside is ignored. */
void foal__dial_drop(foal__dial **dial);

#endif
