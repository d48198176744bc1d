/* tcp.h - the TCP actor: owns one socket, is pinned to its worker, knows no TLS.
 *
 * It belongs to one connection actor, its user. What the user tells it is below, what
 * it tells the user is in proto.h. Contract: one write at a time (the next after
 * `credit`), `finish` and `close` only when no write is in flight, nothing after
 * `close` or `last` but `consumed` and `abort`. It answers exactly one `closed`, and
 * then it is gone. */
#ifndef FOAL_NET_IMPL_TCP_H
#define FOAL_NET_IMPL_TCP_H

#include "config.h"
#include "proto.h"

FOAL_TAG(foal__tcp)

enum {
  FOAL__WINDOW_BYTES =
      65536, /* unconsumed bytes that end reading; one read may pass it */
  FOAL__CONSUMED_BYTES_MIN =
      32768 /* the user reports from this on; less is left unsaid */
};

/* Send these bytes. */
FOAL_SEND_ISO(foal__tcp, write)
/* So many bytes need no memory any more. */
FOAL_SEND1(foal__tcp, consumed, uint32_t, bytes)
/* Read from the peer, or do not. */
FOAL_SEND1(foal__tcp, reading, bool, on)
/* The TLS handshake is over. */
FOAL_SEND0(foal__tcp, agreed)
/* A TLS handshake begins on a plain connection. */
FOAL_SEND0(foal__tcp, upgrade)
/* Change a setting of the socket. */
FOAL_SEND2(foal__tcp, set, foal_conn_option, option, uint32_t, value)
/* Another idle time-out; 0: none. */
FOAL_SEND1(foal__tcp, idle, uint32_t, idle_ms)
/* Send FIN. */
FOAL_SEND0(foal__tcp, finish)
/* Send these bytes, and then do what `close` does; no credit comes for them. `heard`: the
 * peer has said in its own way that it has finished. */
FOAL_SEND_ISO1(foal__tcp, last, bool, heard)
/* Send FIN, read and throw away until the peer's end, within bounds, and close. */
FOAL_SEND0(foal__tcp, close)
/* Close now; with RST or as the system likes. */
FOAL_SEND1(foal__tcp, abort, bool, reset)

/* Makes the actor for an accepted descriptor, on a worker. The handle on config and the
 * descriptor are taken also on failure. false: out of memory. */
bool foal__tcp_accept(uint32_t worker, int fd, foal__config **config,
                      const foal__addr *peer) FOAL_MUST;

/* Makes the actor for a connection to config->host, on the caller's worker. The handle on
 * config is taken also on failure. false: out of memory. */
bool foal__tcp_dial(foal__proto_tag user, foal__config **config, foal__tcp_tag *out)
    FOAL_MUST;

/* Makes a connection actor on the caller's worker and tells it its TCP actor. false:
 * out of memory. */
bool foal__conn_spawn(foal__proto_tag *out, foal__config *config) FOAL_MUST;
void foal__conn_begin(foal__proto_tag user, foal__tcp_tag tcp, foal__config *config);

/* Gives a connection actor its credit back without a message. false: it has something to
 * do with it, or does not rest on this worker: send it. */
bool foal__conn_credit_now(foal__proto_tag user) FOAL_MUST;

#endif
