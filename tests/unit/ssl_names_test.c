/* ssl_names_test.c - what is agreed in the hello: ALPN and SNI. Names in comments
 * are Pony's.                                                                          */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
static const char *const web[] = {"h2", "http/1.1"};
static const char *const old_web[] = {"http/1.1", "h2"};
static const char *const other[] = {"spdy/3", "mqtt"};

static void end_sessions(pair *p) FOAL_TURN;

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

static void alpn(pair *p, foal_tls version, const char *const *client,
                 const char *const *server)
{
  if (client != NULL)
    cr_assert_eq(foal_ssl_ctx_alpn_client(p->client_ctx, client, 2), FOAL_OK);
  if (server != NULL)
    cr_assert_eq(foal_ssl_ctx_alpn_server(p->server_ctx, server, 2), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_versions(p->server_ctx, version, version), FOAL_OK);
}

Test(ssl_names, the_server_chooses_the_protocol)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    alpn(&p, both[i], web, old_web);
    pair_begin(&p, "a.test");
    cr_assert_null(foal_ssl_alpn_selected(p.server));
    pair_pump(&p);
    cr_assert_str_eq(foal_ssl_alpn_selected(p.client), "http/1.1");
    cr_assert_str_eq(foal_ssl_alpn_selected(p.server), "http/1.1");
    foal_ssl_close(p.client);
    pair_pump(&p);
    (void)hear(p.server, 0);
    cr_assert_str_eq(foal_ssl_alpn_selected(p.client), "http/1.1");
    cr_assert_str_eq(foal_ssl_alpn_selected(p.server), "http/1.1");
    pair_end(&p);
  }
}

/* alpn_set_resolver/unadvertised_protocol_fails; RFC 7301 3.2 */
Test(ssl_names, without_overlap_the_handshake_ends_with_alert_120)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    alpn(&p, both[i], other, web);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
    cr_assert_eq(foal_ssl_error(p.server), FOAL_TLS_FAILED);
    cr_assert_eq(foal_ssl_alert_sent(p.server), 120);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_ERROR);
    cr_assert_eq(foal_ssl_alert_received(p.client), 120);
    cr_assert_null(foal_ssl_alpn_selected(p.client));
    cr_assert_null(foal_ssl_alpn_selected(p.server));
    pair_end(&p);
  }
}

Test(ssl_names, one_side_without_alpn_is_no_alpn)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    alpn(&p, FOAL_TLS_1_3, i == 0 ? web : NULL, i == 0 ? NULL : web);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
    cr_assert_null(foal_ssl_alpn_selected(p.client));
    cr_assert_null(foal_ssl_alpn_selected(p.server));
    pair_end(&p);
  }
}

Test(ssl_names, alpn_can_be_demanded)
{
  turn_of_test();
  for (int i = 0; i < 4; i++) {
    bool server = i < 2;
    pair p;
    pair_prepare(&p);
    alpn(&p, both[i % 2], server ? NULL : web, server ? web : NULL);
    cr_assert_eq(foal_ssl_ctx_alpn_required(server ? p.server_ctx : p.client_ctx, true),
                 FOAL_OK);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    expect_failure(server ? p.server : p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    expect_failure(server ? p.client : p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(server ? p.client : p.server), 120);
    pair_end(&p);
  }
}

/* SSL.alpn_selected/on_error, /after_dispose; and on_auth_fail, under TLS 1.2 where the
 * server's choice was known before its certificate. */
Test(ssl_names, a_failed_session_has_no_protocol)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  alpn(&p, FOAL_TLS_1_3, web, web);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_str_eq(foal_ssl_alpn_selected(p.server), "h2");
  (void)foal_ssl_receive_end(p.server);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_ERROR);
  cr_assert_null(foal_ssl_alpn_selected(p.server));
  foal_ssl_dispose(p.client);
  cr_assert_null(foal_ssl_alpn_selected(p.client));
  end_sessions(&p);
  pair_begin(&p, "b.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  cr_assert_null(foal_ssl_alpn_selected(p.client));
  pair_end(&p);
}

typedef struct names {
  pair p;
  test_cert *b, *wild;
  foal_ssl_ctx *b_ctx, *wild_ctx, *trusting;
} names;

/* "a.test" is the context's own; "b.test" and "*.wild.test" are others. */
static void names_prepare(names *n)
{
  pair_prepare(&n->p);
  n->b =
      cert_make(&(cert_spec){.name = "b", .alt = "DNS:b.test", .issuer = n->p.cast.root});
  n->wild = cert_make(
      &(cert_spec){.name = "wild", .alt = "DNS:*.wild.test", .issuer = n->p.cast.root});
  n->b_ctx = ctx_with(n->b, n->p.cast.root);
  n->wild_ctx = ctx_with(n->wild, NULL);
}

static void names_map(names *n)
{
  cr_assert_eq(foal_ssl_ctx_sni(n->p.server_ctx, "b.test", n->b_ctx), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_sni(n->p.server_ctx, "*.wild.test", n->wild_ctx), FOAL_OK);
}

static void names_end(names *n) FOAL_TURN;

static void names_end(names *n)
{
  foal_ssl_ctx_drop(&n->b_ctx);
  foal_ssl_ctx_drop(&n->wild_ctx);
  cert_free(n->b);
  cert_free(n->wild);
  pair_end(&n->p);
}

static void shake(names *n, const char *host) FOAL_TURN;

static void shake(names *n, const char *host)
{
  pair_begin(&n->p, host);
  pair_pump(&n->p);
}

Test(ssl_names, each_name_gets_its_certificate)
{
  turn_of_test();
  static const char *const good[] = {"a.test", "b.test", "B.TEST.", "x.wild.test"};
  for (int i = 0; i < 2; i++) {
    names n;
    names_prepare(&n);
    names_map(&n);
    cr_assert_eq(foal_ssl_ctx_versions(n.p.server_ctx, both[i], both[i]), FOAL_OK);
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
      shake(&n, good[k]);
      cr_expect_eq(foal_ssl_state(n.p.client), FOAL_SSL_READY, "%s: %s", good[k],
                   foal_ssl_reason(n.p.client));
      end_sessions(&n.p);
    }
    names_end(&n);
  }
}

Test(ssl_names, unknown_names_follow_the_policy)
{
  turn_of_test();
  static const foal_sni_unknown policy[] = {
      FOAL_SNI_UNKNOWN_AUTO, FOAL_SNI_UNKNOWN_REJECT, FOAL_SNI_UNKNOWN_DEFAULT};
  for (int i = 0; i < 3; i++) {
    names n;
    names_prepare(&n);
    names_map(&n);
    cr_assert_eq(foal_ssl_ctx_sni_unknown(n.p.server_ctx, policy[i]), FOAL_OK);
    shake(&n, "c.test");
    if (policy[i] == FOAL_SNI_UNKNOWN_DEFAULT) {
      cr_expect_eq(foal_ssl_state(n.p.client), FOAL_SSL_AUTH_FAIL);
    } else {
      cr_expect_eq(foal_ssl_state(n.p.client), FOAL_SSL_ERROR);
      cr_expect_eq(foal_ssl_alert_received(n.p.client), 112);
      cr_expect_eq(foal_ssl_alert_sent(n.p.server), 112);
    }
    end_sessions(&n.p);
    shake(&n, NULL);
    cr_expect_eq(foal_ssl_state(n.p.client), FOAL_SSL_READY,
                 "no name gets the own certificate");
    end_sessions(&n.p);
    names_end(&n);
  }
}

Test(ssl_names, a_single_name_does_not_reject_others_by_itself)
{
  turn_of_test();
  names n;
  names_prepare(&n);
  cr_assert_eq(foal_ssl_ctx_sni(n.p.server_ctx, "b.test", n.b_ctx), FOAL_OK);
  shake(&n, "c.test");
  cr_assert_eq(foal_ssl_state(n.p.client), FOAL_SSL_AUTH_FAIL);
  names_end(&n);
}

Test(ssl_names, the_chosen_context_brings_its_alpn_or_inherits_it)
{
  turn_of_test();
  static const char *const only[] = {"http/1.1"};
  names n;
  names_prepare(&n);
  cr_assert_eq(foal_ssl_ctx_alpn_server(n.b_ctx, only, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_server(n.p.server_ctx, web, 2), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_client(n.p.client_ctx, web, 2), FOAL_OK);
  names_map(&n);
  shake(&n, "b.test");
  cr_assert_str_eq(foal_ssl_alpn_selected(n.p.client), "http/1.1");
  end_sessions(&n.p);
  shake(&n, "x.wild.test");
  cr_assert_str_eq(foal_ssl_alpn_selected(n.p.client), "h2");
  names_end(&n);
}

Test(ssl_names, the_chosen_context_brings_its_rule_for_clients)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    names n;
    names_prepare(&n);
    cr_assert_eq(foal_ssl_ctx_client_cert(n.b_ctx, FOAL_CLIENT_CERT_REQUIRED), FOAL_OK);
    names_map(&n);
    cr_assert_eq(foal_ssl_ctx_versions(n.p.server_ctx, both[i], both[i]), FOAL_OK);
    shake(&n, "b.test");
    cr_expect_eq(foal_ssl_state(n.p.server), FOAL_SSL_AUTH_FAIL,
                 "b.test wants a certificate");
    end_sessions(&n.p);
    shake(&n, "a.test");
    cr_expect_eq(foal_ssl_state(n.p.server), FOAL_SSL_READY, "a.test does not");
    (void)hear(n.p.client, 0);
    foal_buf *saved;
    if (foal_ssl_save(n.p.client, &saved)) {
      foal_buf_drop(&saved);
      cr_expect_fail("a ticket of a.test could enter b.test");
    }
    end_sessions(&n.p);
    foal_ssl_ctx_drop(&n.p.client_ctx);
    n.p.client_ctx = ctx_with(n.p.cast.client, n.p.cast.root);
    shake(&n, "b.test");
    cr_expect_eq(foal_ssl_state(n.p.server), FOAL_SSL_READY, "%s",
                 foal_ssl_reason(n.p.server));
    cr_expect(foal_ssl_peer_verified(n.p.server));
    names_end(&n);
  }
}

static int evil_choice(SSL *tls, const unsigned char **out, unsigned char *len,
                       const unsigned char *theirs, unsigned theirs_len, void *arg)
{
  (void)tls, (void)theirs, (void)theirs_len, (void)arg;
  *out = (const unsigned char *)"evil";
  *len = 4;
  return SSL_TLSEXT_ERR_OK;
}

/* A server of OpenSSL's own that chooses what nobody offered. */
static SSL *evil_server(const test_cert *cert, SSL_CTX **ctx)
{
  *ctx = SSL_CTX_new(TLS_server_method());
  cr_assert_eq(SSL_CTX_use_certificate(*ctx, cert->cert), 1);
  cr_assert_eq(SSL_CTX_use_PrivateKey(*ctx, cert->key), 1);
  SSL_CTX_set_alpn_select_cb(*ctx, evil_choice, NULL);
  SSL *tls = SSL_new(*ctx);
  cr_assert_not_null(tls);
  SSL_set_bio(tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(tls);
  return tls;
}

Test(ssl_names, a_protocol_that_was_not_offered_is_refused)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    SSL_CTX *ctx;
    char bytes[8192];
    pair_prepare(&p);
    SSL *evil = evil_server(p.cast.server, &ctx);
    cr_assert_eq(SSL_set_min_proto_version(evil, (int)both[i]), 1);
    cr_assert_eq(SSL_set_max_proto_version(evil, (int)both[i]), 1);
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
    p.client = foal_ssl_client(p.client_ctx, "a.test");
    for (int round = 0; round < 4; round++) {
      cipher_bytes there = take_cipher(p.client);
      if (there.len > 0) (void)BIO_write(SSL_get_rbio(evil), there.at, (int)there.len);
      free(there.at);
      (void)SSL_do_handshake(evil);
      int back = BIO_read(SSL_get_wbio(evil), bytes, sizeof bytes);
      if (back > 0) give_cipher(p.client, bytes, (size_t)back);
    }
    ERR_clear_error();
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    int alert = foal_ssl_alert_sent(p.client); /* later OpenSSLs look first */
    cr_expect(alert == SSL_AD_ILLEGAL_PARAMETER || alert == SSL_AD_DECODE_ERROR);
    SSL_free(evil);
    SSL_CTX_free(ctx);
    pair_end(&p);
  }
}
