/* ssl_limits_test.c - floods, caps, key updates, and the error queue of OpenSSL. Names in
 * comments are Pony's.                                                                 */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* A peer on plain OpenSSL, for what our own sessions would never do. */
typedef struct raw {
  SSL_CTX *ctx;
  SSL *tls;
  BIO *in, *out;
} raw;

static void raw_make(raw *r, const test_cert *own, int version)
{
  r->ctx = SSL_CTX_new(TLS_method());
  cr_assert_not_null(r->ctx);
  cr_assert_eq(SSL_CTX_set_max_proto_version(r->ctx, version), 1);
  if (own != NULL) {
    cr_assert_eq(SSL_CTX_use_certificate(r->ctx, own->cert), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(r->ctx, own->key), 1);
  }
  r->tls = SSL_new(r->ctx);
  r->in = BIO_new(BIO_s_mem());
  r->out = BIO_new(BIO_s_mem());
  cr_assert(r->tls != NULL && r->in != NULL && r->out != NULL);
  SSL_set_bio(r->tls, r->in, r->out);
  if (own != NULL)
    SSL_set_accept_state(r->tls);
  else
    SSL_set_connect_state(r->tls);
}

static void raw_free(raw *r)
{
  SSL_free(r->tls);
  SSL_CTX_free(r->ctx);
  ERR_clear_error();
}

static void raw_to(raw *r, foal_ssl *s) FOAL_TURN;
static void raw_from(raw *r, foal_ssl *s) FOAL_TURN;
static void raw_shake(raw *r, foal_ssl *s) FOAL_TURN;

static void raw_to(raw *r, foal_ssl *s)
{
  char *at = NULL;
  long len = BIO_get_mem_data(r->out, &at);
  if (len > 0) give_cipher(s, at, (size_t)len);
  (void)BIO_reset(r->out);
}

static void raw_from(raw *r, foal_ssl *s)
{
  cipher_bytes all = take_cipher(s);
  if (all.len > 0) cr_assert_eq(BIO_write(r->in, all.at, (int)all.len), (int)all.len);
  free(all.at);
}

static void raw_shake(raw *r, foal_ssl *s)
{
  for (int round = 0; round < 6; round++) {
    ERR_clear_error();
    (void)SSL_do_handshake(r->tls);
    raw_to(r, s);
    raw_from(r, s);
  }
  cr_assert(SSL_is_init_finished(r->tls));
  cr_assert_eq(foal_ssl_state(s), FOAL_SSL_READY, "%s", foal_ssl_reason(s));
}

static void update(pair *p, int times, bool ask) FOAL_TURN;

/* The client makes new keys so many times; the server receives and reads. */
static void update(pair *p, int times, bool ask)
{
  for (int i = 0; i < times; i++) {
    cr_assert_eq(foal_ssl_key_update(p->client, ask), FOAL_OK, "%s",
                 SSL_state_string_long(p->client->tls));
    cipher_bytes all = take_cipher(p->client);
    cr_assert_gt(all.len, 0);
    give_cipher(p->server, all.at, all.len);
    free(all.at);
    cr_assert_null(hear(p->server, 0));
  }
}

Test(ssl_limits, key_updates_without_data_are_bounded)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  update(&p, 32, false);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  cr_assert_eq(say(p.client, "legal"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "legal");
  update(&p, 33, false);
  give_cipher(p.server, "x", 1);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT);
  cr_assert_not_null(strstr(foal_ssl_reason(p.server), "key updates"));
  pair_end(&p);
}

Test(ssl_limits, a_flood_of_key_updates_in_one_buffer_ends_the_session)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  uint8_t flood[100 * 64];
  size_t len = 0;
  for (int i = 0; i < 100; i++) {
    cr_assert_eq(foal_ssl_key_update(p.client, true), FOAL_OK);
    cipher_bytes all = take_cipher(p.client);
    memcpy(flood + len, all.at, all.len);
    len += all.len;
    free(all.at);
  }
  give_cipher(p.server, flood, len);
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT);
  cr_assert_leq(p.server->out_bytes, 33 * 27, "OpenSSL answers all but the last itself");
  pair_end(&p);
}

Test(ssl_limits, an_update_now_and_then_is_legal)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  for (int i = 0; i < 100; i++) {
    update(&p, 2, i % 3 == 0);
    cr_assert_eq(say(p.client, "data"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "data");
    cr_assert_null(hear(p.client, 0));
  }
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  pair_end(&p);
}

/* RFC 8446 4.6.3 wants the answer before the next data; ours does not wait for data. */
Test(ssl_limits, a_request_for_new_keys_is_answered_at_once)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_not(foal_ssl_can_send(p.server));
  update(&p, 1, true);
  cr_assert(foal_ssl_can_send(p.server));
  cipher_bytes answer = take_cipher(p.server);
  cr_assert_eq(answer.len, 27, "one key update: 5 + 5 + 1 + 16 bytes");
  give_cipher(p.client, answer.at, answer.len);
  cr_assert_null(hear(p.client, 0));
  cr_assert_not(foal_ssl_can_send(p.client), "an answer is not answered");
  update(&p, 5, true);
  cipher_bytes answers = take_cipher(p.server);
  cr_assert_leq(answers.len, 5 * 27);
  cr_assert_geq(answers.len, 27);
  give_cipher(p.client, answers.at, answers.len);
  cr_assert_eq(say(p.server, "new keys"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.client, 0), "new keys");
  free(answer.at);
  free(answers.at);
  pair_end(&p);
}

Test(ssl_limits, updates_and_data_that_wait_keep_their_order)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(say(p.server, "queued before "), FOAL_OK);
  update(&p, 1, true);
  cr_assert_eq(say(p.server, "and after"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.client, 0), "queued before and after");
  foal_ssl_close(p.server);
  update(&p, 1, true);
  pair_pump(&p);
  cr_assert_null(hear(p.client, 0));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSING);
  cr_assert_eq(foal_ssl_key_update(p.server, false), FOAL_BAD_STATE);
  pair_end(&p);
}

Test(ssl_limits, keys_are_renewed_after_many_records)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  p.client_ctx->rekey_records = 3;
  pair_begin(&p, "a.test");
  pair_pump(&p);
  uint32_t most = 0;
  for (int i = 0; i < 50; i++) {
    cr_assert_eq(say(p.client, "record"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "record");
    most = p.client->records > most ? p.client->records : most;
  }
  cr_assert_leq(most, 3);
  pair_end(&p);
}

Test(ssl_limits, tls_1_2_has_no_key_update)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  p.client_ctx->rekey_records = 1;
  pair_begin(&p, "a.test");
  cr_assert_eq(foal_ssl_key_update(p.client, true), FOAL_BAD_STATE, "not in a handshake");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_key_update(p.client, true), FOAL_BAD_STATE);
  for (int i = 0; i < 3; i++) cr_assert_eq(say(p.client, "x"), FOAL_OK);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  pair_end(&p);
}

/* Records of a ClientHello of 131 kB. */
static void feed_big_hello(foal_ssl *s, size_t total) FOAL_TURN;

static void feed_big_hello(foal_ssl *s, size_t total)
{
  uint8_t record[5 + 4096] = {22, 3, 1, 16, 0};
  uint8_t hello[4] = {1, 1, 255, 255};
  memcpy(record + 5, hello, sizeof hello);
  record[9] = record[10] = 3;
  for (size_t at = 0; at < total && foal_ssl_state(s) == FOAL_SSL_HANDSHAKE;
       at += sizeof record) {
    give_cipher(s, record, sizeof record);
    memset(record + 5, 0, sizeof record - 5);
  }
}

Test(ssl_limits, handshake_input_is_bounded)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  feed_big_hello(p.server, 60000);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_HANDSHAKE);
  feed_big_hello(p.server, 8192);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT, "%s", foal_ssl_reason(p.server));
  cr_assert_not_null(strstr(foal_ssl_reason(p.server), "65536 bytes of handshake"));
  pair_end(&p);
}

Test(ssl_limits, the_bound_of_the_handshake_can_be_set)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_handshake_bytes(p.server_ctx, 160 << 10), FOAL_OK);
  pair_begin(&p, "a.test");
  feed_big_hello(p.server, 120000);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_HANDSHAKE, "%s",
               foal_ssl_reason(p.server));
  foal_ssl_free(&p.server);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(p.cast.server, NULL);
  cr_assert_eq(foal_ssl_ctx_handshake_bytes(p.server_ctx, 1024), FOAL_OK);
  p.server = foal_ssl_server(p.server_ctx);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "a plain one fits into 1 KiB");
  pair_end(&p);
}

Test(ssl_limits, ciphertext_that_nobody_reads_is_bounded)
{
  turn_of_test();
  static uint8_t filler[100000];
  pair p;
  pair_ready(&p);
  for (int i = 0; i < 10; i++) give_cipher(p.server, filler, sizeof filler);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  give_cipher(p.server, filler, sizeof filler);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT);
  cr_assert_eq(foal_bufq_bytes(&p.server->in), 0);
  (void)hear(p.client, 0);
  for (int i = 0; i < 4096; i++) give_cipher(p.client, "x", 1);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  give_cipher(p.client, "x", 1);
  cr_assert_eq(foal_ssl_error(p.client), FOAL_LIMIT, "in pieces of one byte, too");
  pair_end(&p);
}

/* Tickets without end: input that never becomes data. */
Test(ssl_limits, input_without_data_is_bounded)
{
  turn_of_test();
  pair p;
  raw r;
  pair_prepare(&p);
  raw_make(&r, p.cast.server, TLS1_3_VERSION);
  p.client = foal_ssl_client(p.client_ctx, "a.test");
  raw_from(&r, p.client);
  raw_shake(&r, p.client);
  int tickets = 0;
  while (foal_ssl_state(p.client) == FOAL_SSL_READY && tickets++ < 1000) {
    cr_assert_eq(SSL_new_session_ticket(r.tls), 1);
    cr_assert_eq(SSL_do_handshake(r.tls), 1);
    raw_to(&r, p.client);
    cr_assert_null(hear(p.client, 0));
  }
  cr_assert_eq(foal_ssl_error(p.client), FOAL_LIMIT, "%s", foal_ssl_reason(p.client));
  cr_assert_lt(foal_ssl_bytes(p.client).cipher_in, 100000);
  raw_free(&r);
  pair_end(&p);
}

/* The server says no, goes on, and in the end has enough. */
Test(ssl_limits, renegotiation_is_refused)
{
  turn_of_test();
  pair p;
  raw r;
  pair_prepare(&p);
  raw_make(&r, NULL, TLS1_2_VERSION);
  p.server = foal_ssl_server(p.server_ctx);
  raw_shake(&r, p.server);
  cr_assert_eq(SSL_write(r.tls, "before", 6), 6);
  cr_assert_eq(SSL_renegotiate(r.tls), 1);
  (void)SSL_do_handshake(r.tls);
  raw_to(&r, p.server);
  cr_assert_str_eq(hear(p.server, 0), "before");
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  cr_assert_eq(foal_ssl_alert_sent(p.server), 100);
  cr_assert_eq(say(p.server, "after"), FOAL_OK, "still there");
  cr_assert(foal_ssl_can_send(p.server));
  raw_free(&r);
  pair_end(&p);
}

static void big_chain(pair *p, size_t padding, size_t cert_bytes) FOAL_TURN;

static void big_chain(pair *p, size_t padding, size_t cert_bytes)
{
  pair_prepare(p);
  test_cert *big = cert_make(&(cert_spec){
      .alt = "DNS:a.test", .issuer = p->cast.root, .padding_bytes = padding});
  foal_ssl_ctx_drop(&p->server_ctx);
  p->server_ctx = ctx_with(big, NULL);
  if (cert_bytes > 0) {
    cr_assert_eq(foal_ssl_ctx_cert_bytes(p->client_ctx, cert_bytes), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_handshake_bytes(p->client_ctx, 1 << 20), FOAL_OK);
  }
  pair_begin(p, "a.test");
  pair_pump(p);
  cert_free(big);
}

Test(ssl_limits, big_certificates)
{
  turn_of_test();
  pair p;
  big_chain(&p, 25000, 0);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  pair_end(&p);
  big_chain(&p, 40000, 0);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_ERROR, "above 32 KiB");
  cr_assert_eq(foal_ssl_alert_sent(p.client), 47);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  pair_end(&p);
  big_chain(&p, 100000, 200000);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_eq(say(p.client, "big"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "big");
  pair_end(&p);
}

Test(ssl_limits, handshake_output_is_bounded)
{
  turn_of_test();
  pair p;
  big_chain(&p, 300000, 400000);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_LIMIT, "%s", foal_ssl_reason(p.server));
  cr_assert_leq(p.server->out_bytes, FOAL__FLIGHT_BYTES_MAX);
  pair_end(&p);
}

/* ---- the error queue ---- */

static void contaminate(void)
{
  ERR_raise(ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  ERR_raise(ERR_LIB_PEM, 108);
}

/* SSL/failed_handshake_does_not_affect_later_read, and every other function as well */
Test(ssl_limits, what_others_left_on_the_error_queue_does_not_matter)
{
  turn_of_test();
  pair p;
  contaminate();
  pair_prepare(&p);
  contaminate();
  pair_begin(&p, "a.test");
  for (int round = 0; round < 6; round++) {
    foal_ssl *from = round % 2 == 0 ? p.client : p.server;
    foal_ssl *to = round % 2 == 0 ? p.server : p.client;
    contaminate();
    cipher_bytes all = take_cipher(from);
    for (size_t i = 0; i < all.len; i += 50) {
      contaminate();
      give_cipher(to, all.at + i, all.len - i < 50 ? all.len - i : 50);
      cr_assert_eq(ERR_peek_error() == 0 || foal_ssl_state(to) == FOAL_SSL_READY, true);
    }
    free(all.at);
  }
  contaminate();
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  cr_assert_null(hear(p.client, 0));
  contaminate();
  cr_assert_eq(say(p.client, "clean"), FOAL_OK);
  contaminate();
  cr_assert_eq(foal_ssl_key_update(p.client, true), FOAL_OK);
  contaminate();
  cipher_bytes all = take_cipher(p.client);
  contaminate();
  give_cipher(p.server, all.at, all.len);
  contaminate();
  cr_assert_str_eq(hear(p.server, 0), "clean");
  cr_assert_eq(ERR_peek_error(), 0, "and nothing is left behind");
  contaminate();
  foal_ssl_close(p.client);
  pair_pump(&p);
  contaminate();
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING, "%s",
               foal_ssl_reason(p.server));
  free(all.at);
  pair_end(&p);
}

/* SSL.receive/alpn_fatal_with_queued_error: the outcome is the same as without. */
Test(ssl_limits, a_stale_error_does_not_change_the_kind_of_failure)
{
  turn_of_test();
  static const char *const ours[] = {"h2"}, *const theirs[] = {"spdy"};
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, theirs, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, ours, 1), FOAL_OK);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  contaminate();
  give_cipher(p.server, hello.at, hello.len);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_eq(foal_ssl_error(p.server), FOAL_TLS_FAILED);
  cr_assert_eq(ERR_peek_error(), 0);
  free(hello.at);
  pair_end(&p);
}

/* _ERRCode/fields: a reason counts only together with its library. */
Test(ssl_limits, reasons_belong_to_libraries)
{
  foal__ossl_facts facts;
  ERR_raise(ERR_LIB_ASN1, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  foal__ossl_drain(&facts);
  cr_assert_not(facts.no_peer_certificate);
  cr_assert_eq(facts.newest, 0);
  cr_assert_neq(facts.any, 0);
  ERR_raise(ERR_LIB_SSL, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  ERR_raise(ERR_LIB_ASN1, 1);
  foal__ossl_drain(&facts);
  cr_assert(facts.no_peer_certificate);
  cr_assert_eq(ERR_GET_REASON(facts.newest), SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE);
  cr_assert_eq(foal__ossl_alert(facts.newest), -1);
  ERR_raise_data(ERR_LIB_SSL, SSL_R_TLSV1_ALERT_UNKNOWN_CA, "word");
  foal__ossl_drain(&facts);
  cr_assert_eq(foal__ossl_alert(facts.newest), 48);
  cr_assert_str_eq(facts.data, "word");
  ERR_raise(ERR_LIB_EVP, SSL_R_TLSV1_ALERT_UNKNOWN_CA);
  foal__ossl_drain(&facts);
  cr_assert_eq(foal__ossl_alert(facts.any), -1);
  ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
  foal__ossl_drain(&facts);
  cr_assert(facts.no_memory);
  foal__ossl_drain(&facts);
  cr_assert_eq(facts.any, 0);
  cr_assert_not_null(foal__ossl_text(0));
}
