/* lori_kit.h - a protocol with receipts that writes a journal, for the rows of lori.
 *
 * `talk` is a protocol whose handlers a test replaces one by one, as the `point` of
 * net_kit.h, on which it stands. What happens to it is told by its journal, a word for
 * every event: "opened receipt:1:OK received:5 sendable ended:CLEAN closed:LOCAL". A plan
 * belongs to one connection at a time, or to several whose journals are not looked at;
 * it is read after kit_run, its counts at any time. */
#ifndef LORI_KIT_H
#define LORI_KIT_H

#include "unit/net_kit.h"

typedef struct talk talk;
FOAL_TAG(talk)

typedef struct talk_plan {
  void (*opened)(talk *self);
  void (*received)(talk *self, foal_buf **data); /* default: keeps and counts them */
  void (*sendable)(talk *self, size_t room);
  void (*ended)(talk *self, foal_err why); /* default: close */
  void (*closed)(talk *self, foal_err why);
  void (*receipt)(talk *self, uint64_t token, foal_err how);
  uint32_t last;          /* the listener closes after so many `closed` */
  foal_listener listener; /* of these connections, if they were accepted */
  bool quiet;             /* no journal */
  /* what happened */
  char journal[4096];
  size_t journal_len;
  atomic_uint opened_count, closed_count, sendable_count, sent_count, failed_count;
  atomic_ullong received_bytes;
  uint8_t got[4096]; /* the first bytes of them */
  foal_err why;      /* of the last `closed` */
  char reason[160];
} talk_plan;

struct talk {
  foal_conn *conn FOAL_REF;
  talk_plan *plan;
  uint64_t sent; /* for the test */
  uint32_t step;
};

talk_tag talk_me(const talk *self) FOAL_TURN;

/* What a connection can be told to do, from anywhere, in a turn of its own. */
typedef enum talk_act {
  TALK_SEND,  /* 10 bytes; the argument is the token; journal: "send:<token>:<err>" */
  TALK_WRITE, /* that many bytes, no receipt */
  TALK_CLOSE,
  TALK_FINISH,
  TALK_ABORT,
  TALK_END, /* the actor ends itself */
  TALK_MUTE,
  TALK_UNMUTE,
  TALK_EXPECT, /* that many bytes */
  TALK_NOTE,   /* journal: "note:<argument>" */
  TALK_CALL    /* talk_called(self, argument) */
} talk_act;
FOAL_SEND2(talk, tell, uint32_t, act, uint32_t, arg)
extern void (*talk_called)(talk *self, uint32_t arg);

/* Puts the handlers of `talk` back in the place of those of a stage. */
void talk_return(talk *self) FOAL_TURN;

/* Listens on 127.0.0.1; options may be NULL, ctx NULL: plain. */
void talk_serve(talk_plan *plan, foal_ssl_ctx *ctx, const foal_conn_options *options);
/* Connects to 127.0.0.1. */
talk_tag talk_call(talk_plan *plan, uint16_t port, foal_ssl_ctx *ctx,
                   const foal_conn_options *options);
foal_err talk_try_listen(const foal_listen_options *options, foal_listener *out);
bool talk_try_connect(const foal_connect_options *options, talk_tag *out);

/* Appends a word. */
void talk_note(talk_plan *plan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Whether the journal is exactly this; prints it when not. */
bool talk_is(const talk_plan *plan, const char *journal);
/* Whether the words come in this order, others between them; prints it when not. */
bool talk_has(const talk_plan *plan, const char *words);

/* Sends a text, or `len` bytes of the pattern at what was sent before. */
foal_err talk_say(talk *self, const char *text, uint64_t token) FOAL_TURN;
foal_err talk_send(talk *self, size_t len, uint64_t token) FOAL_TURN;

#endif
