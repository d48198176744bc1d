/* web.h - an HTTP connection: what the files web*.c share. Nobody else includes it.
 *
 * A request goes through: head -> (file | body) -> next request.
 *   web.c         receives, cuts the input into requests, keeps deadlines, sends files
 *   web_answer.c  decides what a request gets and writes the heads
 *   web_log.c     its line in the access log
 *   web_body.c    what happens to a request's body: dropped, hashed or echoed
 * Invariants: input is only parsed while the connection has room for output, so a client
 * that does not read is not served on. What is written is gathered in `out`, and leaves
 * at the end of a turn; until then an answer can be retracted when the rest of its
 * request turns out to be bad. No more than one file piece, one output buffer and one
 * received buffer exist per connection. */
#ifndef WEB_H
#define WEB_H

#include "access_log.h"
#include "http_files.h"
#include "http_parser.h"
#include "http_reply.h"
#include "https.h"

#include <foal.h>
#include <openssl/evp.h>

enum {
  /* Of a file at a time, and of an answer that waits beyond the write that leaves: a TLS
   * record, four of which are as much as one packet takes. */
  WEB_FILE_PIECE_BYTES = 16268,
  WEB_ROOM_BYTES = WEB_FILE_PIECE_BYTES,
  WEB_DROPPED_BYTES_MAX = 65536, /* of a body that nobody wants */
  WEB_BYTES_PER_S_MIN = 240,     /* of a body; slower is a timeout */
};

typedef enum web_phase {
  WEB_HEAD,    /* waiting for a request, or in the middle of its head */
  WEB_BODY,    /* reading its body */
  WEB_FILE,    /* sending a file */
  WEB_LOADING, /* a piece of the file comes from a disk */
  WEB_ENDED,   /* the last answer is written, or given up */
} web_phase;

typedef enum web_sink { WEB_DROP, WEB_HASH, WEB_ECHO } web_sink;

/* What a connection needs only while it has something to do: it is made with the first
 * byte of a request and freed when all is answered and nothing is left in `in`. Most
 * connections of a server wait, and are small. */
typedef struct web_job {
  http_parser parser;
  foal_slot out;     /* written and not yet given to the connection */
  foal_slot log;     /* lines for the access log */
  foal_slot request; /* the request line for the access log */
  foal_timer pace;
  uint64_t paced_bytes; /* body bytes seen when pace was armed */
  EVP_MD_CTX *hash;
  http_range rest;    /* what is left of the file to be sent */
  int file;           /* owned; -1: none */
  uint32_t answer_at; /* where in `out` the answer begins, if it can be retracted */
  web_sink sink;
  bool paced;      /* pace is armed */
  bool answered;   /* the head of the answer is written */
  bool sent;       /* part of it was given to the connection */
  bool no_content; /* HEAD: answers have no body */
} web_job;

typedef struct web {
  foal_conn *conn FOAL_REF;
  const web_site *site;
  web_job *job; /* owned; NULL: waiting for a request, or ended */
  foal_slot in; /* received and not yet parsed */
  web_phase phase;
  bool last; /* close after this request */
  bool muted;
  bool peer_ended;
  bool stopping;
} web;

/* ---- web.c ---- */

/* Appends to the output. */
void web__put(web *self, http_text text) FOAL_TURN;

/* Ends the connection at once; nothing more is handled. */
void web__abort(web *self, foal_err why) FOAL_TURN;

/* ---- web_answer.c ---- */

/* Decides about a request whose head has just been parsed, and sets the next phase. */
void web__begin(web *self, const char *head) FOAL_TURN;

/* Writes a complete answer with a small body. */
void web__answer(web *self, http_reply reply, http_text body) FOAL_TURN;

/* Writes the head of an answer whose body follows; marks where it begins. */
void web__answer_head(web *self, http_reply reply) FOAL_TURN;

/* Answers what cannot be served any further, if that is still possible, and ends.
 * why: a constant sentence or NULL. */
void web__refuse(web *self, unsigned status, const char *why) FOAL_TURN;

/* ---- web_log.c ---- */

/* Notes the request line. */
void web__log_request(web *self, const char *head) FOAL_TURN;

/* Adds a line to the access log, if there is one. */
void web__log_answer(web *self, const http_reply *reply) FOAL_TURN;

/* Hands the lines over. */
void web__log_flush(web *self) FOAL_TURN;

/* ---- web_body.c ---- */

/* Sets up what happens to the body. false: it could not be done, the answer is
 * written. */
bool web__body_begin(web *self, web_sink sink) FOAL_TURN;

/* A piece of the body. */
void web__body_data(web *self, http_text data) FOAL_TURN;

/* The end of the body: writes what is still to be answered. */
void web__body_end(web *self) FOAL_TURN;

/* Gives back what the body held; safe at any time. */
void web__body_clear(web *self) FOAL_TURN;

#endif
