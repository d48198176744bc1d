/* osslerr.h - OpenSSL's error queue, read once and left empty.
 *
 * The queue belongs to the thread, not to a session: one entry left behind turns another
 * session's "want more input" into a fatal error. So every entry point clears it before
 * it calls OpenSSL, reads it at most once, and leaves it empty.
 *
 * But for records: to look at the queue is a third of what a session adds to a small
 * one. Why SSL_read and SSL_write fail is known without it (see ssl_io.c), and only then
 * it is read: for the reason, the newest entry of libssl, made when OpenSSL gave up.   */
#ifndef FOAL_SSL_IMPL_OSSLERR_H
#define FOAL_SSL_IMPL_OSSLERR_H

#include <openssl/err.h>
#include <stdbool.h>
#include <stddef.h>

/* What the queue held. */
typedef struct foal__ossl_facts {
  unsigned long newest;     /* newest entry of libssl; 0: none */
  unsigned long any;        /* newest entry of any library; 0: none */
  bool no_peer_certificate; /* anywhere in the queue */
  bool no_memory;           /* anywhere in the queue */
  char data[96];            /* text attached to the newest entry, may be empty */
} foal__ossl_facts;

/* Empties the queue. Setting a mark is the cheapest way to ask whether there is anything
 * in it: that fails when it is empty. */
static inline void foal__ossl_clear(void)
{
  if (ERR_set_mark() != 0) ERR_clear_error();
}

/* Reads the queue and empties it. */
void foal__ossl_drain(foal__ossl_facts *facts);

/* A text for a code of the queue; never NULL. */
const char *foal__ossl_text(unsigned long code);

/* The alert that a libssl code stands for, if it was received; -1: it was not. */
int foal__ossl_alert(unsigned long code);

#endif
