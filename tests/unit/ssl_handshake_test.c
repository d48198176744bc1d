/* ssl_handshake_test.c - how handshakes end: ready, authentication failure or error, on
 * both sides, under both versions, whole and byte by byte. Names in comments are
 * Pony's.                                                                              */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

/* SSL/handshake_in_memory */
Test(ssl_handshake, both_become_ready_and_talk)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.client));
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.server));
    cr_assert_eq(foal_ssl_version(p.client), (int)both[i]);
    cr_assert_eq(say(p.client, "ping"), FOAL_OK);
    cr_assert_eq(say(p.server, "pong"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "ping");
    cr_assert_str_eq(hear(p.client, 0), "pong");
    cr_assert_null(hear(p.client, 0));
    pair_end(&p);
  }
}

Test(ssl_handshake, byte_by_byte)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pump(p.client, p.server, 1);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.client));
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.server));
    cr_assert_eq(say(p.client, "slowly"), FOAL_OK);
    pump(p.client, p.server, 1);
    cr_assert_str_eq(hear(p.server, 6), "slowly");
    pair_end(&p);
  }
}

static void expect_no_key(EVP_PKEY *key)
{
  unsigned char bytes[256];
  size_t len = sizeof bytes;
  cr_assert_eq(EVP_PKEY_get_raw_private_key(key, bytes, &len), 0);
  len = sizeof bytes;
  cr_assert_eq(EVP_PKEY_get_raw_public_key(key, bytes, &len), 0);
  EVP_PKEY_free(key);
  ERR_clear_error();
}

/* OpenSSL would keep both as long as the session lives. */
Test(ssl_handshake, the_keys_of_the_exchange_are_gone)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    EVP_PKEY *key = NULL;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    foal_ssl *sides[] = {p.client, p.server};
    for (int side = 0; side < 2; side++) {
      cr_assert_eq(foal_ssl_state(sides[side]), FOAL_SSL_READY);
      cr_assert_eq(ERR_peek_error(), 0);
      if (SSL_get_tmp_key(sides[side]->tls, &key) == 1) expect_no_key(key);
      if (SSL_get_peer_tmp_key(sides[side]->tls, &key) == 1) expect_no_key(key);
    }
    cr_assert_eq(say(p.client, "still there"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "still there");
    pair_end(&p);
  }
}

/* A server has nothing to say first, and no OpenSSL object before the first byte. */
Test(ssl_handshake, a_silent_server_costs_little)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert(foal_ssl_can_send(p.client));
  cr_assert_not(foal_ssl_can_send(p.server));
  cr_assert_null(p.server->tls);
  cr_assert_leq(sizeof *p.server, 304);
  give_cipher(p.server, "", 0);
  cr_assert_null(p.server->tls, "receive of nothing is a probe");
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_HANDSHAKE);
  cr_assert_eq(foal_ssl_live_count(), 2);
  give_cipher(p.server, "\x16", 1);
  cr_assert_not_null(p.server->tls);
  pair_end(&p);
}

/* SSL._create/no_available_protocol */
Test(ssl_handshake, a_client_that_can_never_agree_says_so_at_once)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_suites(p.client_ctx, "TLS_AES_128_CCM_SHA256"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_groups(p.client_ctx, "P-256"), FOAL_OK);
  SSL_CTX_set_options(p.client_ctx->tls, SSL_OP_NO_TLSv1_3 | SSL_OP_NO_TLSv1_2);
  pair_begin(&p, "a.test");
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  cr_assert_not_null(strstr(foal_ssl_reason(p.client), "no protocols available"));
  pair_end(&p);
}

Test(ssl_handshake, a_server_without_certificate_says_so_at_once)
{
  turn_of_test();
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  foal_ssl *s = foal_ssl_server(ctx);
  expect_failure(s, FOAL_SSL_ERROR, FOAL_BAD_STATE);
  give_cipher(s, "hello", 5);
  cr_assert_not(foal_ssl_can_send(s));
  foal_ssl_free(&s);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_handshake, a_bad_host_says_so_at_once)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a test");
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_BAD_NAME);
  cr_assert_not(foal_ssl_can_send(p.client));
  pair_end(&p);
}

/* SSL.receive/non_tls_bytes */
Test(ssl_handshake, plain_text_is_an_error_not_an_authentication_failure)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  give_cipher(p.client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  give_cipher(p.server, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 32);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  cr_assert_not_null(strstr(foal_ssl_reason(p.server), "http request"), "%s",
                     foal_ssl_reason(p.server));
  pair_end(&p);
}

/* SSL.receive/untrusted_chain, SSL.receive/peer_rejected_our_cert */
Test(ssl_handshake, an_untrusted_server_is_refused_with_an_alert)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, NULL);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_sent(p.client), 48);
    cr_expect_eq(foal_ssl_alert_received(p.server), 48);
    cr_expect_eq(foal_ssl_alert_sent(p.server), -1);
    cr_expect_not_null(strstr(foal_ssl_reason(p.client), "issuer"), "%s",
                       foal_ssl_reason(p.client));
    cr_expect_not_null(strstr(foal_ssl_reason(p.server), "alert 48"), "%s",
                       foal_ssl_reason(p.server));
    pair_end(&p);
  }
}

/* SSL.receive/hostname_mismatch: the server learns of it by an alert. */
Test(ssl_handshake, the_wrong_name_is_refused_inside_the_handshake)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    pair_begin(&p, "b.test");
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(p.server), 42);
    cr_expect_not_null(strstr(foal_ssl_reason(p.client), "hostname mismatch"), "%s",
                       foal_ssl_reason(p.client));
    pair_end(&p);
  }
}

Test(ssl_handshake, names_are_compared_whole)
{
  turn_of_test();
  static const struct {
    const char *host;
    bool good;
  } cases[] = {{"A.TEST", true},    {"a.test.", true},
               {"a.tes", false},    {"a.test.evil.org", false},
               {"aa.test", false},  {"x.w.test", true},
               {"w.test", false},   {"x.y.w.test", false},
               {"192.0.2.1", true}, {"192.0.2.2", false},
               {"", true},          {"server", false}};
  pair p;
  pair_prepare(&p);
  test_cert *cert = cert_make(&(cert_spec){.name = "server",
                                           .alt = "DNS:a.test,DNS:*.w.test,IP:192.0.2.1",
                                           .issuer = p.cast.root});
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(cert, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pair_begin(&p, cases[i].host);
    pair_pump(&p);
    cr_expect_eq(foal_ssl_state(p.client),
                 cases[i].good ? FOAL_SSL_READY : FOAL_SSL_AUTH_FAIL, "%s: %s",
                 cases[i].host, foal_ssl_reason(p.client));
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
  }
  cert_free(cert);
  pair_end(&p);
}

/* No SNI for addresses, and without the dot at the end. */
Test(ssl_handshake, the_server_sees_the_name)
{
  turn_of_test();
  static const char *const hosts[] = {"a.test", "A.Test.", "192.0.2.1", "::1", NULL};
  static const char *const seen[] = {"a.test", "a.test", NULL, NULL, NULL};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    pair p;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
    pair_begin(&p, hosts[i]);
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.client));
    const char *name = foal_ssl_server_name(p.server);
    if (seen[i] == NULL)
      cr_expect_null(name);
    else
      cr_expect_str_eq(name, seen[i]);
    cr_expect_not(foal_ssl_peer_verified(p.client), "nobody looked");
    pair_end(&p);
  }
}

/* SSL.receive/no_shared_version */
Test(ssl_handshake, without_a_common_version_both_fail)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_only(&p, FOAL_TLS_1_3);
  cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  cr_expect_eq(foal_ssl_alert_received(p.client), 70);
  pair_end(&p);
}

Test(ssl_handshake, without_a_common_cipher_both_fail)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_suites(p.server_ctx, "TLS_AES_128_GCM_SHA256"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_suites(p.client_ctx, "TLS_AES_256_GCM_SHA384"), FOAL_OK);
  pair_only(&p, FOAL_TLS_1_3);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  pair_end(&p);
}

/* SSL.receive/verify_off_never_auth_fails, TCPSSL.client_verify_false_with_hostname */
Test(ssl_handshake, with_verify_off_nothing_is_an_authentication_failure)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, NULL);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
    pair_only(&p, both[i]);
    pair_begin(&p, "other.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    cr_assert_not(foal_ssl_peer_verified(p.client));
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
    pair_begin(&p, "other.test");
    cipher_bytes hello = take_cipher(p.client);
    give_cipher(p.server, hello.at, hello.len);
    cipher_bytes flight = take_cipher(p.server);
    flight.at[flight.len - 1] ^= 1;
    give_cipher(p.client, flight.at, flight.len);
    pair_pump(&p);
    cr_expect_neq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
    free(hello.at);
    free(flight.at);
    pair_end(&p);
  }
}

/* SSL.receive/unproven_certificate: the signature over the key exchange is damaged. */
Test(ssl_handshake, a_certificate_that_is_not_proven_is_an_authentication_failure)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_only(&p, FOAL_TLS_1_2);
  pair_begin(&p, "a.test");
  cipher_bytes hello = take_cipher(p.client);
  give_cipher(p.server, hello.at, hello.len);
  cipher_bytes flight = take_cipher(p.server);
  /* ServerHelloDone is the last record: 9 bytes, before it the end of the signature. */
  flight.at[flight.len - 9 - 3] ^= 1;
  give_cipher(p.client, flight.at, flight.len);
  expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  cr_expect_not_null(strstr(foal_ssl_reason(p.client), "proven"), "%s",
                     foal_ssl_reason(p.client));
  free(hello.at);
  free(flight.at);
  pair_end(&p);
}

Test(ssl_handshake, rsa_and_ecdsa_live_side_by_side)
{
  turn_of_test();
  static const char *const ciphers[] = {"ECDHE-RSA-AES128-GCM-SHA256",
                                        "ECDHE-ECDSA-AES128-GCM-SHA256"};
  static const char *const names[] = {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"};
  pair p;
  pair_prepare(&p);
  test_cert *rsa =
      cert_make(&(cert_spec){.alt = "DNS:a.test", .issuer = p.cast.root, .rsa = true});
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(p.server_ctx, rsa->chain, rsa->key_pem),
               FOAL_OK);
  for (int i = 0; i < 2; i++) {
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2),
                 FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_ciphers(p.client_ctx, ciphers[i]), FOAL_OK);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.client));
    cr_assert_str_eq(foal_ssl_cipher(p.client), names[i]);
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
  }
  cert_free(rsa);
  pair_end(&p);
}

/* A server without any of the client's groups among its own key shares asks again. */
Test(ssl_handshake, the_hello_may_be_asked_for_again)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_groups(p.server_ctx, "P-384"), FOAL_OK);
  pair_begin(&p, "a.test");
  pump(p.client, p.server, 3);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  pair_end(&p);
}

/* Every kind of early end: nothing hangs, and the reason is the transport's. */
Test(ssl_handshake, a_transport_that_ends_early_is_truncated)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert_eq(foal_ssl_receive_end(p.server), FOAL_TRUNCATED);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TRUNCATED);
  cipher_bytes hello = take_cipher(p.client);
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TRUNCATED);
  cr_assert_not_null(strstr(foal_ssl_reason(p.client), "during the handshake"));
  free(hello.at);
  pair_end(&p);
}

/* A flipped bit anywhere in the server's flight: an end on both sides, never a hang or a
 * session that is ready by mistake. */
Test(ssl_handshake, damaged_flights_end_the_handshake)
{
  turn_of_test();
  for (size_t at = 0; at < 900; at += 13) {
    pair p;
    pair_prepare(&p);
    pair_begin(&p, "a.test");
    cipher_bytes hello = take_cipher(p.client);
    give_cipher(p.server, hello.at, hello.len);
    cipher_bytes flight = take_cipher(p.server);
    flight.at[at % flight.len] ^= 0x20;
    give_cipher(p.client, flight.at, flight.len);
    pair_pump(&p);
    (void)foal_ssl_receive_end(p.client);
    cr_expect(foal_ssl_state(p.client) == FOAL_SSL_ERROR ||
              foal_ssl_state(p.client) == FOAL_SSL_AUTH_FAIL);
    cr_expect_eq(ERR_peek_error(), 0);
    free(hello.at);
    free(flight.at);
    pair_end(&p);
  }
}
