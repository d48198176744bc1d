/* session.h - one session under attack, beside an honest peer: what session_*.c share.
 *
 *   session.c         moves bytes between the two, and checks after every call
 *   session_script.c  reads the input as a script of what happens to them
 * The attacker sits on the wire: it sees and changes what the peer sends, and has no
 * keys. Promises: what the subject delivers is always the beginning of what the peer
 * wrote; a change of a protected record ends that for good; no state is left that a
 * session may not come back from; OpenSSL's error queue is empty after every call.     */
#ifndef FOAL_TESTS_FUZZ_SESSION_H
#define FOAL_TESTS_FUZZ_SESSION_H

#include "cast.h"
#include "input.h"

enum { SESSION_RECORDS_MAX = 512 };

/* A record that the peer sent. */
typedef struct session_record {
  uint8_t *at;
  size_t len;
  size_t said; /* at most so much of the peer's text is in the stream up to its end */
  bool lost;   /* it was never given */
} session_record;

typedef struct session_run {
  fuzz_input in;
  cast_spec spec;
  foal_ssl *subject FOAL_REF;
  foal_ssl *peer FOAL_REF;
  session_record records[SESSION_RECORDS_MAX];
  size_t record_count, next; /* those before `next` were given to the subject */
  size_t said, heard;        /* text of the peer: written, delivered */
  size_t told, learnt;       /* text of the subject: written, delivered */
  size_t heard_max;          /* no more than that may ever be delivered */
  size_t raw_bytes;          /* made up so far */
  foal_ssl_status status;    /* after the last call */
  bool server;               /* the subject is the server */
  bool tampered;             /* it got something else than the peer sent */
  bool stopped;              /* its owner ended it in some way */
} session_run;

/* Makes both sides, and ends them. */
void session_open(session_run *r) FOAL_TURN;
void session_close(session_run *r) FOAL_TURN;

/* Checks the subject; after every call of it. */
void session_watch(session_run *r) FOAL_TURN;

/* Takes what the peer has to send apart into records. */
void session_collect(session_run *r) FOAL_TURN;

/* Gives the peer what the subject has to send, and reads it. */
void session_reply(session_run *r) FOAL_TURN;

/* Lets the subject receive bytes. */
void session_give(session_run *r, const uint8_t *at, size_t len) FOAL_TURN;

/* Lets it receive the next record as it is, in pieces of at most `cut` bytes. */
void session_pass(session_run *r, size_t cut) FOAL_TURN;

/* The next thing that it receives is not what the peer sent. */
void session_tamper(session_run *r) FOAL_TURN;

/* Everything there and back until both are silent, at most `rounds` times. */
void session_flow(session_run *r, unsigned rounds) FOAL_TURN;

/* Reads from the subject and checks what comes; false: nothing came. */
bool session_read(session_run *r, size_t expect) FOAL_TURN;

/* Text of the peer, and of the subject. */
void session_say(session_run *r, size_t len) FOAL_TURN;
void session_tell(session_run *r, size_t len, bool early) FOAL_TURN;

/* Runs an input. */
void session_script(bool server, const uint8_t *bytes, size_t len);

#endif
