/* session.h - the two ways to speak TLS in memory that session.c compares.
 *
 * An engine is a client and a server that hand each other ciphertext. Both engines have
 * the same certificate, suites, group, number of tickets and checks of the peer; what
 * differs is who drives OpenSSL. All of it runs in turns of one actor: buffers come from
 * the pools of a worker, as they do in a server. */
#ifndef SESSION_H
#define SESSION_H

#include <foal.h>

#define SESSION_SUITE "TLS_AES_128_GCM_SHA256"
#define SESSION_GROUP "X25519"
#define SESSION_HOST  "localhost"

enum { SESSION_TICKETS = 1, SESSION_RECORD_BYTES_MAX = 16384 };

typedef struct session_engine {
  const char *name;
  /* Makes both contexts. */
  bool (*open)(void *self, const char *cert_pem, const char *key_pem) FOAL_MUST;
  /* Ends the last pair, makes a new one and lets it agree, tickets included; with
   * `resume` the session of the first pair that agreed. */
  bool (*agree)(void *self, bool resume) FOAL_MUST;
  /* One record to the server, and one back. */
  bool (*talk)(void *self, size_t bytes) FOAL_MUST;
  void (*close)(void *self);
  void *self;
} session_engine;

/* Foal's sessions; OpenSSL alone, once as Foal has it and once keeping its buffers. */
extern const session_engine session_foal, session_raw, session_kept;

#endif
