/* cast.h - certificates, contexts and saved sessions for the fuzz targets of sessions.
 *
 * All are made on first use, always the same ones (steady.h), and live as long as the
 * program.                                                                             */
#ifndef FOAL_TESTS_FUZZ_CAST_H
#define FOAL_TESTS_FUZZ_CAST_H

#include "../tls/certs.h"
#include "ssl/info.h"

#include <stdint.h>

/* What a client shows when it is asked for a certificate. */
typedef enum cast_proof {
  CAST_NOTHING,
  CAST_TRUSTED,
  CAST_STRANGER, /* signed by somebody else */
  CAST_BLIND     /* trusted itself, but verifies no server */
} cast_proof;

typedef struct cast_spec {
  foal_client_cert want;
  cast_proof proof;
  bool tls_1_2;      /* the server speaks nothing newer */
  bool fancy_server; /* ALPN, two ticket keys, few records a key, a small queue */
  bool picky_server; /* only with ALPN, only the names it knows, small limits */
  bool fancy_client; /* only with ALPN */
  bool wrong_host;   /* the client asks for a name that the server is not */
  bool resume;       /* the client has been here before, if that was possible */
} cast_spec;

/* Six bits and four bits of the input. */
cast_spec cast_read(uint8_t server, uint8_t client);

/* The people; root signs server and client. */
const test_cert *cast_root(void);
const test_cert *cast_server(void);
const test_cert *cast_client(void);

/* Frozen contexts, borrowed. */
foal_ssl_ctx *cast_server_ctx(const cast_spec *spec);
foal_ssl_ctx *cast_client_ctx(const cast_spec *spec);

const char *cast_host(const cast_spec *spec);

/* Whether an honest client accepts the server, and the server the client, by their
 * certificates. */
bool cast_client_accepts(const cast_spec *spec);
bool cast_server_accepts(const cast_spec *spec);

/* Whether the client gets the protocol that it insists on, and the server the name and
 * the protocol that it insists on. */
bool cast_client_understands(const cast_spec *spec);
bool cast_server_understands(const cast_spec *spec);

/* All four. */
bool cast_agree(const cast_spec *spec);

/* A new client's side, resuming if the spec says so. */
foal_ssl *cast_new_client(const cast_spec *spec) FOAL_TURN;

/* What an honest client has saved after an honest handshake; NULL: nothing. */
typedef struct cast_bytes {
  uint8_t *at;
  size_t len;
} cast_bytes;
const cast_bytes *cast_saved(const cast_spec *spec) FOAL_TURN;

/* Moves what both have to send until they fall silent. Reads nothing. */
void cast_pump(foal_ssl *a, foal_ssl *b) FOAL_TURN;

/* Tells the checker that a target may use sessions. */
void cast_turn(void) FOAL_CHECKED(assert_capability(foal_turn));

#endif
