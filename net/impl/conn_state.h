/* conn_state.h - the head of a connection actor, for the files that implement it.
 *
 * It lies directly before the user's protocol state; both belong to one actor and are
 * touched in its turns only. conn.c is the life of it, conn_in.c what comes from the
 * peer, conn_out.c what goes to it, conn_more.c receipts, upgrade and settings.
 *
 * Queues. `in`: received, plain only (a session keeps its own). `out`: accepted from
 * the user, not yet in the session or in `open`. `open`: the plain buffer that is
 * being filled. Exactly one buffer is at the TCP actor when `credit` is false. */
#ifndef FOAL_NET_IMPL_CONN_STATE_H
#define FOAL_NET_IMPL_CONN_STATE_H

#include "../../runtime/bufq.h"
#include "receipts.h"
#include "tcp.h"

#include <stdalign.h>

typedef enum foal__conn_phase {
  FOAL__CONN_CONNECTING,
  FOAL__CONN_HANDSHAKE,
  FOAL__CONN_OPEN,
  FOAL__CONN_CLOSING, /* what is queued, or an alert, still leaves */
  FOAL__CONN_LINGER,  /* the TCP actor was told to close */
  FOAL__CONN_ABORTED, /* it was told to abort */
  FOAL__CONN_CLOSED   /* `closed` was delivered */
} foal__conn_phase;

/* Most addresses are short; only a long one has memory of its own. */
enum { FOAL__PEER_SHORT_BYTES = 28 };

struct foal_conn {
  alignas(16) foal__config *config; /* NULL: not begun */
  const foal_protocol *protocol;    /* of the present stage */
  foal_ssl *ssl FOAL_REF;           /* NULL: plain, or not begun */
  foal__receipts *receipts;         /* NULL: none was ever asked for */
  foal__tcp_tag tcp;
  foal_bufq in, out;
  foal_slot open;
  size_t floor_bytes;  /* what was queued at the last turn's end since it is blocked */
  uint32_t expect;     /* bytes of each `received`; 0: as they come */
  uint32_t unconsumed; /* bytes not yet reported to the TCP actor */
  foal__cause cause;   /* the first reason for the end; FOAL_OK: none yet */
  uint64_t received, accepted; /* bytes, for foal_conn_bytes */
  char *peer;                  /* its address as text: `peer_short`, or owned */
  foal__addr local;
  uint8_t phase;      /* foal__conn_phase */
  bool tls : 1;       /* what is written goes through the session */
  bool credit : 1;    /* a buffer may be written */
  bool content : 1;   /* nothing waits for the credit */
  bool muted : 1;     /* by the user */
  bool blocked : 1;   /* the user was told there is no room: owes it a `sendable` */
  bool held : 1;      /* blocked, and reading would make it worse */
  bool stalled : 1;   /* input was left although there may be more */
  bool yielded : 1;   /* the user wants no more in this turn */
  bool asking : 1;    /* a `sendable` is owed that this turn had no time for */
  bool reading : 1;   /* what the TCP actor was told last */
  bool eof : 1;       /* the peer's FIN */
  bool ended : 1;     /* `ended` was delivered for the peer */
  bool stopping : 1;  /* and for the program */
  bool finish : 1;    /* the user has finished writing */
  bool shut : 1;      /* close_notify is queued */
  bool finished : 1;  /* FIN was sent */
  bool unsaid : 1;    /* lingers, but the last write may not be with the system yet */
  bool receiving : 1; /* the user's `received` is running */
  bool flushing : 1;  /* the end of the turn is running */
  bool flush_due : 1; /* it will */
  char peer_short[FOAL__PEER_SHORT_BYTES];
};
_Static_assert(sizeof(struct foal_conn) % 16 == 0, "the user's state lies behind it");

/* Deliveries of one turn beyond which the rest waits for the next. */
enum { FOAL__RECEIVED_A_TURN = 64 };

static inline foal__proto *foal__user_of(foal_conn *c)
{
  return (foal__proto *)(void *)(c + 1);
}

static inline foal_conn *foal__conn_of(void *user)
{
  return (foal_conn *)user - 1;
}

/* Sees to it that foal__conn_flush runs at the end of this turn. */
void foal__conn_schedule(foal_conn *c) FOAL_TURN;

/* Ends the connection for this reason: what the session still has to say leaves first. */
void foal__conn_fail(foal_conn *c, foal__cause cause) FOAL_TURN;

/* Closes gracefully. */
void foal__conn_close(foal_conn *c) FOAL_TURN;

/* conn_in.c: a handshake's progress, deliveries, the peer's end. */
void foal__conn_take_in(foal_conn *c) FOAL_TURN;

/* conn_in.c: what the TCP actor must know about reading. */
void foal__conn_report_in(foal_conn *c) FOAL_TURN;

/* Whether the session has failed. */
static inline bool foal__conn_has_failed(const foal_conn *c) FOAL_TURN;
static inline bool foal__conn_has_failed(const foal_conn *c)
{
  if (c->ssl == NULL) return false;
  foal_ssl_status state = foal_ssl_state(c->ssl);
  return state == FOAL_SSL_ERROR || state == FOAL_SSL_AUTH_FAIL;
}

/* Whether it speaks TLS, or will. */
static inline bool foal__conn_is_tls(const foal_conn *c) FOAL_TURN;
static inline bool foal__conn_is_tls(const foal_conn *c)
{
  return c->config->ctx != NULL || c->ssl != NULL;
}

/* Whether the user may get bytes now. */
static inline bool foal__conn_may_deliver(const foal_conn *c)
{
  return c->phase == FOAL__CONN_OPEN && !c->muted && !c->held && !c->yielded && !c->ended;
}

/* conn_more.c: gives the receipts that are due. */
void foal__conn_settle(foal_conn *c) FOAL_TURN;

/* conn_more.c: gives the receipts of everything that is left, for this reason. */
void foal__conn_settle_all(foal_conn *c, foal_err why) FOAL_TURN;

/* conn_out.c: encrypts, writes, asks for more, finishes and closes when all is out. */
void foal__conn_put_out(foal_conn *c) FOAL_TURN;

/* conn_out.c: how much waits, session included. */
size_t foal__conn_queued(const foal_conn *c) FOAL_TURN;

/* conn_out.c: whether so many bytes more can be queued. */
bool foal__conn_bears(const foal_conn *c, size_t more) FOAL_TURN;

/* conn_out.c: queues the bytes of an open connection. */
void foal__conn_accept(foal_conn *c, foal_buf **data) FOAL_TURN FOAL_TAKES(*data);

/* conn_out.c: drops what has not been encrypted. */
void foal__conn_forget_out(foal_conn *c) FOAL_TURN;

#endif
