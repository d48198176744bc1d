/* pitfalls_keys_test.c - key updates, and the error queue that all sessions of a thread
 * share: mistakes of other stacks, in memory. Which stacks, and how: docs/pitfalls.md. */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
enum { VERSIONS = 2, KEY_UPDATE = 27 /* 5 + 5 + 1 + 16 bytes */ };

static void ready(pair *p, foal_tls version) FOAL_TURN;

/* A pair that speaks this version and has nothing left to say. */
static void ready(pair *p, foal_tls version)
{
  pair_prepare(p);
  pair_only(p, version);
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
  cr_assert_null(hear(p->client, 0));
}

/* ---- new keys ---- */

static void update(pair *p, int times, bool ask) FOAL_TURN;

/* The client makes new keys so many times; the server reads each. */
static void update(pair *p, int times, bool ask)
{
  for (int i = 0; i < times; i++) {
    cr_assert_eq(foal_ssl_key_update(p->client, ask), FOAL_OK);
    cipher_bytes all = take_cipher(p->client);
    give_cipher(p->server, all.at, all.len);
    free(all.at);
    cr_assert_null(hear(p->server, 0));
  }
}

Test(pitfall, key_update_flood_ends_at_32)
{
  turn_of_test();
  for (int ask = 0; ask < 2; ask++) {
    pair p;
    ready(&p, FOAL_TLS_1_3);
    update(&p, 32, ask);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
    cr_assert_leq(foal_ssl_sealed_bytes(p.server), 32 * KEY_UPDATE);
    update(&p, 1, ask);
    give_cipher(p.server, "x", 1); /* nothing is read behind the 33rd */
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
    cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT);
    cr_assert_not_null(strstr(foal_ssl_reason(p.server), "key updates"));
    pair_end(&p);
  }
}

Test(pitfall, legal_key_updates_survive)
{
  turn_of_test();
  pair p;
  ready(&p, FOAL_TLS_1_3);
  for (int i = 0; i < 100; i++) {
    update(&p, 31, i % 2 == 0);
    cr_assert_eq(say(p.client, "data"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "data", "%s", foal_ssl_reason(p.server));
    cr_assert_eq(say(p.server, "answer"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.client, 0), "answer", "%s", foal_ssl_reason(p.client));
  }
  pair_end(&p);
}

/* A request for new keys that arrives while an answer is half out is no renegotiation and
 * no protocol error. */
Test(pitfall, key_update_while_writes_wait)
{
  turn_of_test();
  static uint8_t text[200000];
  foal_buf *b;
  pair p;
  ready(&p, FOAL_TLS_1_3);
  cr_assert_eq(say_bytes(p.server, text, sizeof text), FOAL_OK);
  size_t heard = 0;
  for (int i = 0; foal_ssl_send(p.server, &b); i++) {
    foal_ssl_receive(p.client, &b);
    heard += hear_all(p.client);
    update(&p, 1, i % 2 == 0);
  }
  cr_assert_eq(heard, sizeof text);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  pair_end(&p);
}

/* OpenSSL answers a request only when it writes the next data, if ever. */
Test(pitfall, key_update_is_answered_without_data)
{
  turn_of_test();
  pair p;
  ready(&p, FOAL_TLS_1_3);
  update(&p, 1, true);
  cipher_bytes answer = take_cipher(p.server);
  cr_assert_eq(answer.len, KEY_UPDATE);
  free(answer.at);
  pair_end(&p);
}

/* Keys must not be used beyond what AEAD allows: they are renewed by themselves. */
Test(pitfall, keys_are_renewed_in_time)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_gt(p.client_ctx->rekey_records, 0);
  cr_assert_leq(p.client_ctx->rekey_records, UINT32_C(1) << 24);
  p.client_ctx->rekey_records = 4;
  pair_begin(&p, "a.test");
  pair_pump(&p);
  for (int i = 0; i < 100; i++) {
    cr_assert_eq(say(p.client, "record"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "record");
    cr_assert_leq(p.client->records, 4);
  }
  pair_end(&p);
}

/* ---- the thread's error queue ---- */

static void stale(void)
{
  ERR_raise(ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  ERR_raise(ERR_LIB_X509, 108);
}

Test(pitfall, stale_errors_harm_no_handshake)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  stale();
  pair_begin(&p, "a.test");
  for (int round = 0; round < 6; round++) {
    foal_ssl *from = round % 2 == 0 ? p.client : p.server;
    foal_ssl *to = round % 2 == 0 ? p.server : p.client;
    stale();
    cipher_bytes all = take_cipher(from);
    for (size_t i = 0; i < all.len; i += 40) {
      stale();
      give_cipher(to, all.at + i, all.len - i < 40 ? all.len - i : 40);
    }
    free(all.at);
  }
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  pair_end(&p);
}

Test(pitfall, stale_errors_harm_no_connection)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    ready(&p, versions[i]);
    stale();
    cr_assert_null(hear(p.server, 0), "nothing came, and nothing is wrong");
    stale();
    cr_assert_eq(say(p.client, "clean"), FOAL_OK);
    stale();
    cipher_bytes all = take_cipher(p.client);
    stale();
    give_cipher(p.server, all.at, all.len);
    stale();
    cr_assert_str_eq(hear(p.server, 0), "clean");
    stale();
    foal_ssl_close(p.client);
    stale();
    pair_pump(&p);
    stale();
    cr_assert_null(hear(p.server, 0));
    cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
    cr_assert_eq(ERR_peek_error(), 0, "and nothing is left for the next");
    free(all.at);
    pair_end(&p);
  }
}

Test(pitfall, a_failed_session_leaves_no_error_behind)
{
  turn_of_test();
  pair good, bad;
  ready(&good, FOAL_TLS_1_3);
  pair_prepare(&bad);
  pair_begin(&bad, "wrong.test");
  pair_pump(&bad);
  cr_assert_eq(foal_ssl_state(bad.client), FOAL_SSL_AUTH_FAIL);
  cr_assert_eq(ERR_peek_error(), 0);
  cr_assert_null(hear(good.server, 0));
  cr_assert_eq(foal_ssl_state(good.server), FOAL_SSL_READY);
  foal_ssl_free(&bad.client);
  foal_ssl_free(&bad.server);
  foal_ssl_ctx_drop(&bad.client_ctx);
  foal_ssl_ctx_drop(&bad.server_ctx);
  cast_free(&bad.cast);
  pair_end(&good);
}
