/* ssl_end_test.c - how reading ends: damage, close, truncation, dispose; what was
 * decrypted before stays readable. Names in comments are Pony's. */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <stdlib.h>
#include <string.h>

/* A record that cannot be decrypted. */
static void send_damaged(pair *p) FOAL_TURN;

static void send_damaged(pair *p)
{
  cr_assert_eq(say(p->client, "damaged"), FOAL_OK);
  cipher_bytes all = take_cipher(p->client);
  all.at[all.len - 1] ^= 1;
  give_cipher(p->server, all.at, all.len);
  free(all.at);
}

/* SSL/read_reports_genuine_error */
Test(ssl_end, a_damaged_record_is_an_error_with_an_alert)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  send_damaged(&p);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_TLS_FAILED);
  cr_assert_eq(foal_ssl_alert_sent(p.server), 20);
  cr_assert_eq(ERR_peek_error(), 0);
  pair_pump(&p);
  cr_assert_null(hear(p.client, 0));
  cr_assert_eq(foal_ssl_error(p.client), FOAL_TLS_ALERT);
  cr_assert_eq(foal_ssl_alert_received(p.client), 20);
  pair_end(&p);
}

/* SSL.read/after_error_returns_only_decrypted_bytes, SSL.read/no_expect_after_error */
Test(ssl_end, what_was_decrypted_before_a_failure_stays_readable)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 50);
  cr_assert_null(hear(p.server, 100));
  send_damaged(&p);
  cr_assert_null(hear(p.server, 100));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_null(hear(p.server, 100));
  pair_hear_pattern(&p, 30, 0, 30);
  pair_hear_pattern(&p, 0, 30, 20);
  cr_assert_null(hear(p.server, 0));
  cr_assert_null(hear(p.server, 1));
  pair_end(&p);
}

Test(ssl_end, leftovers_of_an_earlier_read_survive_a_failure)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 400);
  pair_hear_pattern(&p, 350, 0, 350);
  send_damaged(&p);
  cr_assert_null(hear(p.server, 100));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  pair_hear_pattern(&p, 50, 350, 50);
  pair_end(&p);
}

/* The good record and the bad one arrive together: the good one is still delivered. */
Test(ssl_end, a_good_record_before_a_bad_one_is_delivered)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.client, "good"), FOAL_OK);
  cipher_bytes first = take_cipher(p.client);
  cr_assert_eq(say(p.client, "bad"), FOAL_OK);
  cipher_bytes second = take_cipher(p.client);
  uint8_t both[200];
  memcpy(both, first.at, first.len);
  memcpy(both + first.len, second.at, second.len);
  both[first.len + second.len - 1] ^= 1;
  give_cipher(p.server, both, first.len + second.len);
  cr_assert_str_eq(hear(p.server, 0), "good");
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  free(first.at);
  free(second.at);
  pair_end(&p);
}

/* SSL.read/peer_close_notify, SSL.read/buffered_drain_on_close_notify */
Test(ssl_end, data_and_close_in_one_buffer)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.client, "last words"), FOAL_OK);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_null(hear(p.server, 100));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_OK);
  cr_assert(foal_ssl_end_seen(p.server));
  cr_assert_str_eq(hear(p.server, 5), "last ");
  cr_assert_str_eq(hear(p.server, 0), "words");
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  pair_end(&p);
}

/* Exact reads do not run ahead: the close is seen when it is reached. */
Test(ssl_end, the_end_is_seen_when_it_is_reached)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 10);
  foal_ssl_close(p.client);
  pair_pump(&p);
  pair_hear_pattern(&p, 10, 0, 10);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_OK, "not known yet");
  cr_assert_null(hear(p.server, 10));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_CLEAN);
  pair_end(&p);
}

Test(ssl_end, an_end_without_close_is_truncated)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 10);
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_OK,
               "there is something to read first");
  cr_assert_null(hear(p.server, 20));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_TRUNCATED);
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_TRUNCATED);
  pair_hear_pattern(&p, 10, 0, 10);
  cr_assert_not(foal_ssl_can_send(p.server), "there is nobody to tell");
  pair_end(&p);
}

/* At every byte of a stream: an end there is truncated, and only a whole one is clean. */
Test(ssl_end, every_cut_is_told_from_the_end)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.client, "a few bytes"), FOAL_OK);
  foal_ssl_close(p.client);
  cipher_bytes all = take_cipher(p.client);
  for (size_t cut = 0; cut <= all.len; cut++) {
    pair q;
    pair_ready(&q);
    cr_assert_eq(say(q.client, "a few bytes"), FOAL_OK);
    foal_ssl_close(q.client);
    cipher_bytes mine = take_cipher(q.client);
    cr_assert_eq(mine.len, all.len);
    give_cipher(q.server, mine.at, cut);
    (void)hear(q.server, 0);
    (void)hear(q.server, 0);
    cr_assert_eq(foal_ssl_receive_end(q.server),
                 cut == all.len ? FOAL_CLEAN : FOAL_TRUNCATED);
    free(mine.at);
    foal_ssl_free(&q.client);
    foal_ssl_free(&q.server);
    foal_ssl_ctx_drop(&q.client_ctx);
    foal_ssl_ctx_drop(&q.server_ctx);
    cast_free(&q.cast);
  }
  free(all.at);
  pair_end(&p);
}

/* SSL.read/on_auth_fail, SSL.receive/on_auth_fail, SSL.receive/on_error */
Test(ssl_end, a_failed_session_takes_and_gives_nothing)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "b.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  give_cipher(p.client, "more", 4);
  cr_assert_null(hear(p.client, 0));
  cr_assert_null(hear(p.client, 1));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  cr_assert_eq(foal_bufq_bytes(&p.client->in), 0);
  give_cipher(p.server, "more", 4);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_bufq_bytes(&p.server->in), 0);
  pair_end(&p);
}

/* SSL.receive/in_closed: what the peer says after our close is still readable. */
Test(ssl_end, reading_goes_on_after_our_close)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  foal_ssl_close(p.server);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_SHUT);
  pair_send_pattern(&p, 0, 40000);
  pair_hear_pattern(&p, 40000, 0, 40000);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSED);
  pair_end(&p);
}

/* SSL.read/corrupt_record_in_closed */
Test(ssl_end, a_damaged_record_after_our_close_is_an_error)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  foal_ssl_close(p.server);
  free(take_cipher(p.server).at);
  send_damaged(&p);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  pair_end(&p);
}

/* What arrives behind the peer's close_notify is ignored: RFC 8446 6.1. */
Test(ssl_end, nothing_is_read_behind_the_peers_close)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  foal_ssl_close(p.client);
  cipher_bytes all = take_cipher(p.client);
  uint8_t more[200];
  memcpy(more, all.at, all.len);
  memset(more + all.len, 7, 50);
  give_cipher(p.server, more, all.len + 50);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  give_cipher(p.server, more, 50);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  free(all.at);
  pair_end(&p);
}

/* SSL.read/after_dispose, /after_dispose_with_buffered_frame */
Test(ssl_end, nothing_comes_out_after_dispose)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 50);
  cr_assert_null(hear(p.server, 100));
  foal_ssl_dispose(p.server);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_DISPOSED);
  cr_assert_null(hear(p.server, 50));
  cr_assert_null(hear(p.server, 0));
  give_cipher(p.server, "late", 4);
  cr_assert_null(hear(p.server, 0));
  pair_end(&p);
}

enum { GCM_KEY = 16, GCM_SALT = 4, GCM_BLOCK = 2 * (GCM_KEY + GCM_SALT) };

/* The keys of TLS 1.2 with AES-128-GCM, as its RFC makes them. */
static void key_block(SSL *tls, uint8_t out[GCM_BLOCK])
{
  uint8_t master[48], seed[64];
  char digest[] = "SHA256", label[] = "key expansion";
  size_t len = SSL_SESSION_get_master_key(SSL_get_session(tls), master, sizeof master);
  cr_assert_eq(len, sizeof master);
  cr_assert_eq(SSL_get_server_random(tls, seed, 32), 32);
  cr_assert_eq(SSL_get_client_random(tls, seed + 32, 32), 32);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof master),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof label - 1),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
      OSSL_PARAM_construct_end()};
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
  EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
  cr_assert_eq(EVP_KDF_derive(ctx, out, GCM_BLOCK, params), 1);
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
}

/* The server gets a warning of a client that has said nothing but `sequence` such. */
static void warn(pair *p, uint8_t sequence, uint8_t alert) FOAL_TURN;

static void warn(pair *p, uint8_t sequence, uint8_t alert)
{
  uint8_t block[GCM_BLOCK], iv[12] = {0}, text[2] = {1, alert};
  uint8_t about[13] = {[7] = (uint8_t)(sequence + 1), 21, 3, 3, 0, 2};
  uint8_t wire[5 + 8 + 2 + 16] = {21, 3,          3,
                                  0,  8 + 2 + 16, [12] = (uint8_t)(sequence + 1)};
  int n = 0;
  key_block(p->client->tls, block);
  memcpy(iv, block + 2 * GCM_KEY, GCM_SALT);
  iv[11] = wire[12];
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  cr_assert_eq(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, block, iv), 1);
  cr_assert_eq(EVP_EncryptUpdate(c, NULL, &n, about, sizeof about), 1);
  cr_assert_eq(EVP_EncryptUpdate(c, wire + 13, &n, text, 2), 1);
  cr_assert_eq(EVP_EncryptFinal_ex(c, wire + 15, &n), 1);
  cr_assert_eq(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, wire + 15), 1);
  EVP_CIPHER_CTX_free(c);
  give_cipher(p->server, wire, sizeof wire);
  cr_expect_null(hear(p->server, 0));
}

/* OpenSSL bears four warnings; a fifth that says close is a failure for it, so it is one
 * for the session. */
Test(ssl_end, a_close_that_is_one_warning_too_many_is_a_failure)
{
  turn_of_test();
  for (uint8_t warnings = 0; warnings < 5; warnings++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, FOAL_TLS_1_2);
    cr_assert_eq(
        SSL_CTX_set_cipher_list(p.client_ctx->tls, "ECDHE-ECDSA-AES128-GCM-SHA256"), 1);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    for (uint8_t i = 0; i < warnings; i++) {
      warn(&p, i, SSL_AD_USER_CANCELLED);
      cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
    }
    warn(&p, warnings, SSL_AD_CLOSE_NOTIFY);
    bool heard = warnings < 4;
    cr_expect_eq(foal_ssl_end_seen(p.server), heard, "%d: %s", warnings,
                 foal_ssl_reason(p.server));
    cr_expect_eq(foal_ssl_error(p.server), heard ? FOAL_OK : FOAL_TLS_FAILED);
    pair_end(&p);
  }
}
