/* pitfalls_trust_test.c - who is trusted, and what is kept about it: mistakes of other
 * stacks, in memory. Which stacks, and how: docs/pitfalls.md. */
#include "foal_test.h"
#include "raw_peer.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
enum { VERSIONS = 2 };

/* ---- clients without a certificate ---- */

Test(pitfall, mtls_without_a_certificate_is_refused)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(p.cast.server, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    pair_only(&p, versions[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    if (versions[i] == FOAL_TLS_1_3) (void)say(p.client, "let me in");
    pair_pump(&p);
    expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_assert_null(hear(p.server, 0), "and no data is delivered");
    cr_assert_null(hear(p.client, 0));
    cr_assert_eq(foal_ssl_error(p.client), FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

/* A list of trusted authorities alone asks nobody for a certificate, and says so: there
 * is no setting that looks like a demand and is none. */
Test(pitfall, mtls_is_asked_for_by_name)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(p.cast.server, p.cast.root);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_not(foal_ssl_peer_verified(p.server));
  pair_end(&p);
}

Test(pitfall, revoked_certificates_are_refused)
{
  turn_of_test();
  for (int revoked = 0; revoked < 2; revoked++) {
    pair p;
    pair_prepare(&p);
    char *list = cert_crl(p.cast.root, revoked ? p.cast.server : NULL);
    cr_assert_eq(foal_ssl_ctx_crl_pem(p.client_ctx, list), FOAL_OK);
    free(list);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), revoked ? FOAL_SSL_AUTH_FAIL : FOAL_SSL_READY,
                 "%s", foal_ssl_reason(p.client));
    pair_end(&p);
  }
}

/* ---- what kind of failure it was ---- */

Test(pitfall, a_failed_handshake_is_no_authentication_failure)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  give_cipher(p.client, "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  pair_begin(&p, "a.test");
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TRUNCATED);
  pair_end(&p);
}

/* Who was refused has not refused: the alert of the other side is no authentication
 * failure of this one. */
Test(pitfall, being_refused_is_no_authentication_failure)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(p.cast.server, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    pair_only(&p, versions[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    (void)hear(p.client, 0);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

/* ---- names ---- */

Test(pitfall, verify_off_checks_no_name)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
  pair_begin(&p, "wrong.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  cr_assert_not(foal_ssl_peer_verified(p.client));
  pair_end(&p);
}

Test(pitfall, an_empty_name_matches_nothing)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    cert_spec spec = {.name = "x", .issuer = p.cast.root};
    if (i == 0)
      spec.raw_dns = "";
    else
      spec.alt = "IP:192.0.2.7";
    test_cert *cert = cert_make(&spec);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(cert, NULL);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cert_free(cert);
    pair_end(&p);
  }
}

Test(pitfall, a_prefix_of_a_name_is_another_name)
{
  turn_of_test();
  static const char *const hosts[] = {"a.test.evil.org", "a.testing", "aa.test", "test"};
  pair p;
  pair_prepare(&p);
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    pair_begin(&p, hosts[i]);
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
  }
  pair_end(&p);
}

/* ---- keys and settings ---- */

Test(pitfall, an_encrypted_key_is_refused_without_a_question)
{
  cast c;
  char *pem;
  static char text[4096];
  unsigned char secret[] = "secret";
  cast_make(&c);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  BIO *bio = BIO_new(BIO_s_mem());
  cr_assert_eq(PEM_write_bio_PrivateKey(bio, c.server->key, EVP_aes_128_cbc(), secret, 6,
                                        NULL, NULL),
               1);
  long len = BIO_get_mem_data(bio, &pem);
  cr_assert_lt(len, (long)sizeof text);
  memcpy(text, pem, (size_t)len);
  BIO_free(bio);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, c.server->chain, text), FOAL_BAD_PEM);
  cr_assert_not_null(strstr(foal_ssl_ctx_detail(ctx), "encrypted"));
  foal_ssl_ctx_drop(&ctx);
  cast_free(&c);
}

Test(pitfall, a_context_in_use_does_not_change)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
               FOAL_FROZEN);
  cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_FROZEN);
  cr_assert_eq(foal_ssl_ctx_trust_pem(p.server_ctx, p.cast.root->pem), FOAL_FROZEN);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(p.server_ctx, p.cast.client->chain,
                                         p.cast.client->key_pem),
               FOAL_FROZEN);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3),
               FOAL_FROZEN);
  cr_assert_eq(foal_ssl_ctx_ciphers(p.server_ctx, "ALL"), FOAL_FROZEN);
  pair_end(&p);
}

/* A reload that fails must leave what works: a new context is made beside the old one,
 * and says which file is wrong. */
Test(pitfall, reload_with_a_bad_file_keeps_the_old_certificate)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  char *bad = cert_file("not a certificate", 0600);
  foal_ssl_ctx *next = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_use_cert(next, bad, bad), FOAL_BAD_PEM);
  cr_assert_not_null(strstr(foal_ssl_ctx_detail(next), bad));
  foal_ssl_ctx_drop(&next);
  cr_assert_eq(foal_ssl_ctx_use_cert(p.server_ctx, bad, bad), FOAL_BAD_PEM);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  (void)unlink(bad);
  free(bad);
  pair_end(&p);
}

/* ---- tickets ---- */

Test(pitfall, tickets_do_not_pile_up)
{
  turn_of_test();
  for (int i = 0; i < VERSIONS; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, versions[i]);
    for (int k = 0; k < 20; k++) {
      pair_begin(&p, "a.test");
      pair_pump(&p);
      cr_assert_null(hear(p.client, 0));
      cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
      foal_ssl_free(&p.client);
      foal_ssl_free(&p.server);
    }
    cr_assert_eq(SSL_CTX_sess_number(p.server_ctx->tls), 0);
    cr_assert_eq(SSL_CTX_sess_number(p.client_ctx->tls), 0);
    pair_end(&p);
  }
}

Test(pitfall, tickets_without_end_are_a_flood)
{
  turn_of_test();
  pair p;
  raw_peer r;
  pair_prepare(&p);
  raw_make(&r, p.cast.server, TLS1_3_VERSION);
  p.client = foal_ssl_client(p.client_ctx, "a.test");
  raw_shake(&r, p.client);
  for (int i = 0; i < 1000 && foal_ssl_state(p.client) == FOAL_SSL_READY; i++) {
    cr_assert_eq(SSL_new_session_ticket(r.tls), 1);
    cr_assert_eq(SSL_do_handshake(r.tls), 1);
    raw_to(&r, p.client);
    cr_assert_null(hear(p.client, 0));
  }
  cr_assert_eq(foal_ssl_error(p.client), FOAL_LIMIT);
  cr_assert_leq(foal_ssl_bytes(p.client).cipher_in, 100000);
  raw_free(&r);
  pair_end(&p);
}

static bool resumes_at(pair *p, const foal_ssl_ctx *server, const foal_buf *saved)
    FOAL_TURN FOAL_READS(saved);

static bool resumes_at(pair *p, const foal_ssl_ctx *server, const foal_buf *saved)
{
  p->server = foal_ssl_server(server);
  p->client = foal_ssl_client_resume(p->client_ctx, "a.test", saved);
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  bool resumed = foal_ssl_resumed(p->client);
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
  return resumed;
}

/* A new context has a new key, unless it is given the old one. */
Test(pitfall, ticket_keys_rotate)
{
  turn_of_test();
  static const foal_ticket_key keys[] = {{"new", {1}, {2}}, {"old", {3}, {4}}};
  pair p;
  foal_buf *saved;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_ticket_keys(p.server_ctx, keys + 1, 1), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_null(hear(p.client, 0));
  bool got = foal_ssl_save(p.client, &saved);
  if (!got) {
    cr_assert_fail("no ticket");
    return;
  }
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  foal_ssl_ctx *rotated = ctx_with(p.cast.server, NULL);
  foal_ssl_ctx *fresh = ctx_with(p.cast.server, NULL);
  cr_assert_eq(foal_ssl_ctx_ticket_keys(rotated, keys, 2), FOAL_OK);
  cr_assert(resumes_at(&p, rotated, saved));
  cr_assert_not(resumes_at(&p, fresh, saved), "its key is a random one of its own");
  foal_buf_drop(&saved);
  foal_ssl_ctx_drop(&rotated);
  foal_ssl_ctx_drop(&fresh);
  pair_end(&p);
}

/* ---- before the first byte ---- */

Test(pitfall, a_silent_peer_costs_no_session)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert_null(p.server->tls, "made with the first byte");
  give_cipher(p.server, "\x16", 1);
  cr_assert_not_null(p.server->tls);
  pair_end(&p);
}
