/* ssl_auth_test.c - certificates of clients, validity, revocation, chains: who is
 * refused, and that it is the right side that calls it an authentication failure. Names
 * in comments are Pony's. */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void ask_clients(pair *p, const test_cert *client, foal_client_cert rule)
{
  foal_ssl_ctx_drop(&p->server_ctx);
  foal_ssl_ctx_drop(&p->client_ctx);
  p->server_ctx = ctx_with(p->cast.server, p->cast.root);
  p->client_ctx = ctx_with(client, p->cast.root);
  cr_assert_eq(foal_ssl_ctx_client_cert(p->server_ctx, rule), FOAL_OK);
}

Test(ssl_auth, required_client_certificates_are_taken)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    ask_clients(&p, p.cast.client, FOAL_CLIENT_CERT_REQUIRED);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(p.server));
    cr_assert(foal_ssl_peer_verified(p.server));
    cr_assert(foal_ssl_peer_matches(p.server, "client.test"));
    const STACK_OF(X509_NAME) *shown = SSL_get0_peer_CA_list(p.client->tls);
    cr_assert_eq(sk_X509_NAME_num(shown), 1, "the server says whose it takes");
    pair_end(&p);
  }
}

/* SSL.receive/no_peer_certificate: under TLS 1.3 the client is ready before it is
 * refused. */
Test(ssl_auth, a_missing_client_certificate_is_an_authentication_failure)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    ask_clients(&p, NULL, FOAL_CLIENT_CERT_REQUIRED);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(p.server), "no certificate"));
    if (both[i] == FOAL_TLS_1_3) cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    cr_expect_null(hear(p.client, 0));
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(p.client), both[i] == FOAL_TLS_1_3 ? 116 : 40);
    pair_end(&p);
  }
}

/* SSL.receive/untrusted_client_chain; the client, whose server was good, reports an error
 * and not an authentication failure (Pony's false one, under TLS 1.2). */
Test(ssl_auth, an_untrusted_client_is_an_authentication_failure_of_the_server_only)
{
  turn_of_test();
  test_cert *stranger = cert_make(&(cert_spec){.name = "stranger"});
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    ask_clients(&p, stranger, FOAL_CLIENT_CERT_REQUIRED);
    pair_only(&p, both[i]);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_null(hear(p.client, 0));
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
  cert_free(stranger);
}

Test(ssl_auth, optional_client_certificates_may_be_missing_but_not_bad)
{
  turn_of_test();
  test_cert *stranger = cert_make(&(cert_spec){.name = "stranger"});
  pair p;
  pair_prepare(&p);
  ask_clients(&p, NULL, FOAL_CLIENT_CERT_OPTIONAL);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_not(foal_ssl_peer_verified(p.server));
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  ask_clients(&p, stranger, FOAL_CLIENT_CERT_OPTIONAL);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  ask_clients(&p, stranger, FOAL_CLIENT_CERT_UNVERIFIED);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY, "%s", foal_ssl_reason(p.server));
  cr_assert_not(foal_ssl_peer_verified(p.server));
  uint8_t print[FOAL_FINGERPRINT_BYTES];
  cr_assert(foal_ssl_peer_fingerprint(p.server, print));
  cert_free(stranger);
  pair_end(&p);
}

Test(ssl_auth, expired_and_misused_certificates_are_refused)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  const cert_spec specs[] = {
      {.name = "old",
       .alt = "DNS:a.test",
       .issuer = p.cast.root,
       .from_days = -9,
       .for_days = 3},
      {.name = "early",
       .alt = "DNS:a.test",
       .issuer = p.cast.root,
       .from_days = 3,
       .for_days = 3},
      {.name = "client only",
       .alt = "DNS:a.test",
       .issuer = p.cast.root,
       .usage = "clientAuth"},
      {.name = "by a leaf", .alt = "DNS:a.test", .issuer = p.cast.server}};
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
    test_cert *bad = cert_make(&specs[i]);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = foal_ssl_ctx_new();
    cr_assert_eq(foal_ssl_ctx_relax(p.server_ctx, FOAL_RELAX_CERT_EXPIRED), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_use_cert_pem(p.server_ctx, bad->chain, bad->key_pem),
                 FOAL_OK);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
    cert_free(bad);
  }
  pair_end(&p);
}

Test(ssl_auth, revoked_certificates_are_refused)
{
  turn_of_test();
  for (int revoke = 0; revoke < 2; revoke++) {
    pair p;
    pair_prepare(&p);
    char *crl = cert_crl(p.cast.root, revoke ? p.cast.server : NULL);
    cr_assert_eq(foal_ssl_ctx_crl_pem(p.client_ctx, crl), FOAL_OK, "%s",
                 foal_ssl_ctx_detail(p.client_ctx));
    free(crl);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    if (revoke)
      expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    else
      cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                   foal_ssl_reason(p.client));
    pair_end(&p);
  }
}

/* Without a list nobody knows, so nobody gets in. */
Test(ssl_auth, a_missing_revocation_list_is_a_refusal)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  test_cert *other = cert_make(&(cert_spec){.name = "other root", .authority = true});
  char *crl = cert_crl(other, NULL);
  cr_assert_eq(foal_ssl_ctx_crl_pem(p.client_ctx, crl), FOAL_OK);
  free(crl);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  cert_free(other);
  pair_end(&p);
}

Test(ssl_auth, chains_are_sent_and_their_depth_is_bounded)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  test_cert *link[8];
  const test_cert *issuer = p.cast.root;
  for (int i = 0; i < 6; i++) {
    char name[32];
    snprintf(name, sizeof name, "intermediate %d", i);
    link[i] = cert_make(&(cert_spec){.name = name, .authority = true, .issuer = issuer});
    issuer = link[i];
  }
  for (int depth = 4; depth <= 5; depth++) {
    test_cert *leaf = cert_make(
        &(cert_spec){.name = "l", .alt = "DNS:a.test", .issuer = link[depth - 1]});
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(leaf, NULL);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    if (depth == 4)
      cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                   foal_ssl_reason(p.client));
    else
      expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
    cert_free(leaf);
  }
  for (int i = 0; i < 6; i++) cert_free(link[i]);
  pair_end(&p);
}
