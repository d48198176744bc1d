/* pair.h - two sessions that talk to each other in memory, for tests without actors.
 *
 * Tests run outside any actor: they claim the turn by turn_of_test. What they move is
 * copied into plain bytes, so that they can cut, repeat and damage it.                 */
#ifndef FOAL_TESTS_TLS_PAIR_H
#define FOAL_TESTS_TLS_PAIR_H

#include "certs.h"
#include "ssl/info.h"

/* Tells the checker that this test may use sessions. */
void turn_of_test(void) FOAL_CHECKED(assert_capability(foal_turn));

/* The usual cast: a root, a server for "a.test" and a client, all ECDSA. */
typedef struct cast {
  test_cert *root, *server, *client;
} cast;

void cast_make(cast *c);
void cast_free(cast *c);

/* A context with this certificate (NULL: none), trusting this one (NULL: none);
 * unfrozen. */
foal_ssl_ctx *ctx_with(const test_cert *own, const test_cert *trusted);

typedef struct pair {
  cast cast;
  foal_ssl_ctx *server_ctx, *client_ctx;
  foal_ssl *server, *client;
} pair;

/* Makes the cast and the two unfrozen contexts: the client trusts the root. */
void pair_prepare(pair *p);

/* Makes the two sessions. */
void pair_begin(pair *p, const char *host) FOAL_TURN;

/* pair_prepare, pair_begin for "a.test", and the handshake. */
void pair_ready(pair *p) FOAL_TURN;

void pair_end(pair *p) FOAL_TURN;

/* Only this version is spoken; before pair_begin. */
void pair_only(pair *p, foal_tls version);

/* Expects this end, an empty error queue and no ALPN. */
void expect_failure(const foal_ssl *s, foal_ssl_status status, foal_err err) FOAL_TURN;

/* Bytes that differ by their place in a stream. */
uint8_t pair_pattern(size_t at);

/* The client says `len` bytes of the pattern that begins at `from`; the server
 * receives. */
void pair_send_pattern(pair *p, size_t from, size_t len) FOAL_TURN;

/* The server reads, and exactly these bytes of the pattern come. */
void pair_hear_pattern(pair *p, size_t expect, size_t from, size_t len) FOAL_TURN;

/* Moves everything both have to send until both are silent, reading nothing. */
void pair_pump(pair *p) FOAL_TURN;

/* The same with two sessions and cuts of at most `cut` bytes. */
void pump(foal_ssl *a, foal_ssl *b, size_t cut) FOAL_TURN;

/* Bytes to be sent; to be freed with free. */
typedef struct cipher_bytes {
  uint8_t *at;
  size_t len;
} cipher_bytes;

/* Everything the session has to send. */
cipher_bytes take_cipher(foal_ssl *s) FOAL_TURN;

/* Lets it receive a copy of the bytes. */
void give_cipher(foal_ssl *s, const void *at, size_t len) FOAL_TURN;

/* Writes bytes or a text; the result of foal_ssl_write. */
foal_err say_bytes(foal_ssl *s, const void *at, size_t len) FOAL_TURN;
foal_err say(foal_ssl *s, const char *text) FOAL_TURN;

/* foal_ssl_read into static memory, ended with NUL; NULL: nothing came. */
const char *hear(foal_ssl *s, size_t expect) FOAL_TURN;

/* Length of what hear gave last. */
size_t heard_len(void);

/* Reads and drops until nothing comes; how many bytes. */
size_t hear_all(foal_ssl *s) FOAL_TURN;

#endif
