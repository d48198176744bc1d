/* raw_peer.h - a peer on plain OpenSSL, in memory, for what our own sessions never do.
 *
 * It belongs to one test and is moved by it: nothing happens by itself.                */
#ifndef FOAL_TESTS_CONFORMANCE_RAW_PEER_H
#define FOAL_TESTS_CONFORMANCE_RAW_PEER_H

#include "tls/pair.h"

#include <openssl/ssl.h>

typedef struct raw_peer {
  SSL_CTX *ctx;
  SSL *tls;
  BIO *in, *out;
} raw_peer;

/* A server with this certificate; NULL: a client, which verifies nobody. Version 0:
 * any. */
void raw_make(raw_peer *r, const test_cert *own, int version);
void raw_free(raw_peer *r);

/* Moves what the one has to send to the other. */
void raw_to(raw_peer *r, foal_ssl *s) FOAL_TURN;
void raw_from(raw_peer *r, foal_ssl *s) FOAL_TURN;

/* Six rounds of handshake. */
void raw_rounds(raw_peer *r, foal_ssl *s) FOAL_TURN;

/* The same, and both must be ready. */
void raw_shake(raw_peer *r, foal_ssl *s) FOAL_TURN;

/* Reads plaintext until nothing comes: how many bytes. *why gets SSL_get_error. */
size_t raw_hear(raw_peer *r, int *why);

#endif
