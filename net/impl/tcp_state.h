/* tcp_state.h - the state of a TCP actor, for the files that implement it.
 *
 * Touched by its turns and by the events of its socket; both run on its worker's
 * thread, never at the same time. Small on purpose: a silent connection is this and
 * the socket. */
#ifndef FOAL_NET_IMPL_TCP_STATE_H
#define FOAL_NET_IMPL_TCP_STATE_H

#include "../../runtime/actor.h"
#include "../../runtime/impl/assert.h"
#include "../../runtime/impl/worker.h"
#include "dial.h"
#include "tcp.h"

typedef enum foal__tcp_phase {
  FOAL__TCP_NEW,
  FOAL__TCP_DIALING, /* looking up, connecting */
  FOAL__TCP_OPEN,
  FOAL__TCP_LINGER, /* FIN is sent, the rest is thrown away */
  FOAL__TCP_CLOSING /* waits for the system, or for its own `gone` */
} foal__tcp_phase;

struct foal__tcp {
  foal__sock *sock;
  foal__config *config;
  foal__dial *dial;     /* while dialing */
  foal__tcp_tag me;     /* events come outside turns */
  foal__proto_tag user; /* nobody before the first byte of a TLS server */
  foal__alarm alarm;
  uint64_t phase_due_ms; /* end of handshake, dialing or lingering; 0: none */
  uint64_t active_ms;    /* of the last byte; kept only with an idle time-out */
  uint64_t stall_ms;     /* since when the write in flight made no progress */
  size_t stall_bytes;    /* and what the peer had not taken then */
  uint32_t idle_ms;
  uint32_t unconsumed; /* bytes the user has and has not reported */
  uint32_t lingered;   /* bytes thrown away */
  uint32_t relayed;    /* first bytes on their way through our own mailbox */
  foal__addr peer;
  foal__cause broken; /* a write failed; the peer's last words are still read */
  foal__cause cause;  /* why it closes */
  uint8_t phase;      /* foal__tcp_phase */
  bool held : 1;      /* keeps the program alive */
  bool counted : 1;   /* in accepted or connected, and in the listener */
  bool handshaking : 1;
  bool upgraded : 1; /* plain at first, TLS now */
  bool begun : 1;    /* and the listener counts that */
  bool paused : 1;   /* the user does not want to read */
  bool writing : 1;
  bool last : 1;     /* with that write the user has said everything */
  bool waited : 1;   /* and it did not get through at once */
  bool said : 1;     /* everything the user had to say is with the system */
  bool finished : 1; /* FIN is sent */
  bool eof : 1;      /* nothing more will be read */
};

static inline void foal__tcp_check(const foal__tcp *self)
{
  foal_assert(self != NULL && self->phase <= FOAL__TCP_CLOSING);
  foal_assert(self->config != NULL || self->phase == FOAL__TCP_NEW);
}

static inline bool foal__tcp_has_user(const foal__tcp *self)
{
  return !foal_tag_is_nobody(self->user.any);
}

static inline bool foal__tcp_is_tls(const foal__tcp *self)
{
  return self->config->ctx != NULL || self->upgraded;
}

/* Closes for this reason; the first one counts. `reset` throws away what is unsent. */
void foal__tcp_shut(foal__tcp *self, foal__cause cause, bool reset) FOAL_TURN;

/* tcp_set.c: makes the socket as the options want it. */
void foal__tcp_set_up(foal__tcp *self);

/* Starts or stops reading as the state wants it. */
void foal__tcp_update_reading(foal__tcp *self);

/* Makes sure that the alarm rings by the next deadline. */
void foal__tcp_rearm(foal__tcp *self) FOAL_TURN;

/* The system did not take all of a write: the peer has a time to take more. */
void foal__tcp_watch_write(foal__tcp *self) FOAL_TURN;

/* Notes a byte in either direction, for the idle time-out. */
void foal__tcp_touch(foal__tcp *self);

/* Dialing: looks the host up and connects. */
void foal__tcp_dial_begin(foal__tcp *self) FOAL_TURN;
void foal__tcp_dial_go(foal__tcp *self) FOAL_TURN;

/* The socket works: tells the user and begins to read. */
void foal__tcp_open(foal__tcp *self) FOAL_TURN;

/* Messages to itself. */
FOAL_SEND0(foal__tcp, ring)                     /* the alarm */
FOAL_SEND0(foal__tcp, drain)                    /* the program wants to end */
FOAL_SEND0(foal__tcp, gone)                     /* the system has let go of the socket */
FOAL_SEND1(foal__tcp, over, foal__cause, cause) /* reading or writing has ended */
FOAL_SEND_ISO(foal__tcp, first)                 /* bytes before there was a user */
FOAL_SEND_ISO(foal__tcp, spoken)                /* the last write is through */
FOAL_SEND_ISO(foal__tcp, resolved)              /* addresses */
FOAL_SEND2(foal__tcp, tried, uint32_t, index, foal__cause, cause) /* one attempt's end */

#endif
