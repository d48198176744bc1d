/* resolver.h - from a host to addresses. */
#ifndef FOAL_NET_IMPL_RESOLVER_H
#define FOAL_NET_IMPL_RESOLVER_H

#include "transport.h"

/* The behaviour `done` of `to` gets a buffer with an array of foal__addr, as
 * foal__transport_lookup gives it; a numeric address needs no look-up and no other
 * thread. false: out of memory. */
bool foal__resolve(const char *host, uint16_t port, foal_tag to,
                   const foal_behaviour *done) FOAL_MUST;

/* The addresses in such a buffer; returns how many. */
uint32_t foal__resolved(const foal_buf *b, foal__addr out[FOAL__LOOKUP_ADDRS_MAX])
    FOAL_READS(b);

#endif
