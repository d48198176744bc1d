/* traps_ctx_test.c - the traps of Pony's changelogs and of its newest code that lie in
 * writing and in the set-up of contexts: setters that fail, suites, authorities shown to
 * clients, what can be known of a session. Who is trusted: traps_trust_test.c.         */
#include "foal_test.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void end_sessions(pair *p) FOAL_TURN;
static void shake(pair *p) FOAL_TURN;
static void expect_ready(pair *p) FOAL_TURN;

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

static void shake(pair *p)
{
  pair_begin(p, "a.test");
  pair_pump(p);
}

static void expect_ready(pair *p)
{
  cr_expect_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  cr_expect_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
}

/* ---- writing ---- */

/* 1.10.16: what waits for the handshake has a bound, and no failure is swallowed. */
Test(conf_traps, what_waits_for_the_handshake_is_bounded)
{
  turn_of_test();
  static uint8_t block[4096];
  pair p;
  size_t taken = 0;
  foal_err err = FOAL_OK;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_write_bytes(p.client_ctx, 10000), FOAL_OK);
  pair_begin(&p, "a.test");
  cr_expect_eq(say(p.client, "early"), FOAL_BAD_STATE, "write is for ready sessions");
  for (int i = 0; i < 100 && err == FOAL_OK; i++) {
    foal_buf *b;
    bool made = foal_buf_from(&b, block, sizeof block);
    if (!made) return;
    err = foal_ssl_queue(p.client, &b);
    cr_expect_null(b, "moved, also on failure");
    if (err == FOAL_OK) taken += sizeof block;
  }
  cr_expect_eq(err, FOAL_FULL);
  cr_expect_lt(taken, 10000 + sizeof block);
  pair_pump(&p);
  cr_expect_eq(hear_all(p.server), taken, "what was taken arrives");
  pair_end(&p);
}

/* 1.9 #139: a peer that starts a renegotiation made writes vanish with success. */
Test(conf_traps, a_renegotiation_loses_no_write)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, FOAL_TLS_1_2);
    shake(&p);
    expect_ready(&p);
    foal_ssl *asking = i == 0 ? p.client : p.server;
    foal_ssl *asked = i == 0 ? p.server : p.client;
    SSL_clear_options(asking->tls, SSL_OP_NO_RENEGOTIATION);
    cr_assert_eq(SSL_renegotiate(asking->tls), 1);
    (void)SSL_do_handshake(asking->tls);
    cipher_bytes hello = take_cipher(asking);
    cr_assert_gt(hello.len, 0);
    give_cipher(asked, hello.at, hello.len);
    free(hello.at);
    cr_expect_null(hear(asked, 0));
    cr_expect_eq(foal_ssl_alert_sent(asked), 100, "no_renegotiation");
    cr_assert_eq(say(asked, "not lost"), FOAL_OK);
    cipher_bytes answer = take_cipher(asked);
    cr_expect_eq(foal_ssl_bytes(asked).plain_out, 8, "success means encrypted");
    cr_expect_eq(foal_ssl_queued_bytes(asked), 0);
    cr_expect_eq(foal_ssl_state(asked), FOAL_SSL_READY);
    cr_expect_gt(answer.len, 8);
    free(answer.at);
    pair_end(&p);
  }
}

/* 1.7, 1.9 #138: a write of any size is whole, in order, and nothing else. */
Test(conf_traps, a_large_write_arrives_whole)
{
  turn_of_test();
  enum { BYTES = 1000003 };
  pair p;
  pair_ready(&p);
  cr_expect_eq(say(p.client, ""), FOAL_OK);
  cr_expect_not(foal_ssl_can_send(p.client), "an empty write makes no record");
  pair_send_pattern(&p, 0, BYTES);
  size_t at = 0;
  while (hear(p.server, 0) != NULL) at += heard_len();
  cr_expect_eq(at, BYTES);
  pair_send_pattern(&p, 7, BYTES);
  pair_hear_pattern(&p, 3, 7, 3);
  pair_hear_pattern(&p, BYTES - 3, 10, BYTES - 3);
  pair_end(&p);
}

/* ---- setters that fail ---- */

typedef foal_err (*failing)(foal_ssl_ctx *ctx);

static foal_err bad_versions(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_2);
}

static foal_err bad_ciphers(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_ciphers(ctx, "NONSENSE");
}

static foal_err bad_suites(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_suites(ctx, "NONSENSE");
}

static foal_err bad_groups(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_groups(ctx, "NONSENSE");
}

static foal_err bad_trust(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_pem(ctx, "NONSENSE");
}

static foal_err no_trust_file(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_file(ctx, "/nowhere/ca.pem");
}

static foal_err no_trust_dir(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_dir(ctx, "/nowhere");
}

static foal_err no_system(foal_ssl_ctx *ctx)
{
  (void)setenv("SSL_CERT_FILE", "/nowhere/a", 1);
  (void)setenv("SSL_CERT_DIR", "/nowhere/b", 1);
  return foal_ssl_ctx_trust_system(ctx);
}

static foal_err bad_crl(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_crl_pem(ctx, "NONSENSE");
}

static foal_err no_crl_file(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_crl_file(ctx, "/nowhere/crl.pem");
}

static foal_err bad_cert(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_use_cert_pem(ctx, "NONSENSE", "NONSENSE");
}

static foal_err no_cert_file(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_use_cert(ctx, "/nowhere/a.pem", "/nowhere/b.pem");
}

static foal_err bad_name(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_self_signed(ctx, "no name");
}

static foal_err bad_sni(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_sni(ctx, "*.com", ctx);
}

static foal_err bad_alpn(foal_ssl_ctx *ctx)
{
  const char *const names[] = {"h2", ""};
  return foal_ssl_ctx_alpn_server(ctx, names, 2);
}

static foal_err bad_depth(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_verify_depth(ctx, 1000);
}

static foal_err no_keylog(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_keylog(ctx, "/nowhere/keys");
}

/* 1.9 #116, 1.10.15: a setter that fails on this thread does no harm to a session that is
 * in use on it; and afterwards the context still does what it did. */
Test(conf_traps, a_failing_setter_leaves_no_error_behind)
{
  turn_of_test();
  static const failing all[] = {
      bad_versions, bad_ciphers, bad_suites, bad_groups,  bad_trust, no_trust_file,
      no_trust_dir, no_system,   bad_crl,    no_crl_file, bad_cert,  no_cert_file,
      bad_name,     bad_sni,     bad_alpn,   bad_depth,   no_keylog};
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  foal_ssl_ctx *ctx = ctx_with(p.cast.server, p.cast.root);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    cr_expect_neq(all[i](ctx), FOAL_OK, "%zu", i);
    cr_expect_neq(foal_ssl_ctx_detail(ctx)[0], '\0', "%zu: no words", i);
    cr_expect_eq(ERR_peek_error(), 0, "%zu: left on the queue", i);
    cr_expect_null(hear(p.client, 0));
    cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%zu", i);
    cr_assert_eq(say(p.client, "hello"), FOAL_OK);
    pair_pump(&p);
    cr_expect_str_eq(hear(p.server, 5), "hello");
  }
  end_sessions(&p);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx;
  shake(&p);
  expect_ready(&p);
  cr_expect_eq(foal_ssl_version(p.client), FOAL_TLS_1_3);
  pair_end(&p);
}

/* Every old value stays, whichever part of the new one was bad. */
Test(conf_traps, a_failing_setter_changes_nothing)
{
  turn_of_test();
  static const char *const web[] = {"h2"}, *const bad[] = {"http/1.1", ""};
  char damaged[8192];
  pair p;
  pair_prepare(&p);
  foal_ssl_ctx *ctx = p.server_ctx;
  cr_assert_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_suites(ctx, "TLS_CHACHA20_POLY1305_SHA256"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_server(ctx, web, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 1), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, (foal_tls)0x0305),
               FOAL_BAD_VERSION);
  cr_expect_eq(foal_ssl_ctx_suites(ctx, "NONSENSE"), FOAL_BAD_CIPHERS);
  cr_expect_eq(foal_ssl_ctx_groups(ctx, "P-256:NONSENSE"), FOAL_BAD_CIPHERS);
  cr_expect_eq(foal_ssl_ctx_alpn_server(ctx, bad, 2), FOAL_BAD_ALPN);
  cr_expect_eq(foal_ssl_ctx_client_cert(ctx, (foal_client_cert)9), FOAL_BAD_ARGUMENT);
  cr_expect_eq(
      foal_ssl_ctx_use_cert_pem(ctx, p.cast.client->chain, p.cast.server->key_pem),
      FOAL_KEY_MISMATCH);
  shake(&p);
  expect_ready(&p);
  cr_expect_eq(foal_ssl_version(p.client), FOAL_TLS_1_3);
  cr_expect_str_eq(foal_ssl_cipher(p.client), "TLS_CHACHA20_POLY1305_SHA256");
  cr_expect_str_eq(foal_ssl_alpn_selected(p.client), "h2");
  end_sessions(&p);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, NULL);
  snprintf(damaged, sizeof damaged, "%s%s", p.cast.root->pem, p.cast.client->pem);
  damaged[strlen(p.cast.root->pem) + 200] ^= 1;
  cr_expect_eq(foal_ssl_ctx_trust_pem(p.client_ctx, damaged), FOAL_BAD_PEM);
  shake(&p);
  expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  pair_end(&p);
}

/* 1.10.15: Pony has one error for all of these. */
Test(conf_traps, a_refused_certificate_says_why)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  test_cert *old = cert_make(&(cert_spec){.from_days = -9, .for_days = 3});
  char *good = cert_file(p.cast.server->chain, 0644);
  char *key = cert_file(p.cast.server->key_pem, 0600);
  char *others = cert_file(p.cast.client->key_pem, 0600);
  char *open = cert_file(p.cast.server->key_pem, 0644);
  char *rubbish = cert_file("no PEM at all\n", 0600);
  char *expired = cert_file(old->pem, 0644), *old_key = cert_file(old->key_pem, 0600);
  const struct {
    const char *chain, *key;
    foal_err err;
    const char *named;
  } cases[] = {{"/nowhere/chain.pem", key, FOAL_FILE_UNREADABLE, "/nowhere/chain.pem"},
               {good, "/nowhere/key.pem", FOAL_FILE_UNREADABLE, "/nowhere/key.pem"},
               {"", key, FOAL_FILE_UNREADABLE, "no path"},
               {rubbish, key, FOAL_BAD_PEM, rubbish},
               {good, rubbish, FOAL_BAD_PEM, rubbish},
               {good, others, FOAL_KEY_MISMATCH, others},
               {good, open, FOAL_KEY_EXPOSED, "chmod"},
               {expired, old_key, FOAL_CERT_EXPIRED, "until"}};
  enum { CASES = sizeof cases / sizeof *cases };
  char said[CASES][320];
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  for (size_t i = 0; i < CASES; i++) {
    foal_err err = foal_ssl_ctx_use_cert(ctx, cases[i].chain, cases[i].key);
    snprintf(said[i], sizeof said[i], "%s", foal_ssl_ctx_detail(ctx));
    cr_expect_eq(err, cases[i].err, "%zu: %s", i, said[i]);
    cr_expect_not_null(strstr(said[i], cases[i].named), "%zu: %s", i, said[i]);
    cr_expect_null(strchr(said[i], '\n'), "one line: %s", said[i]);
    cr_expect_eq(ERR_peek_error(), 0);
    for (size_t k = 0; k < i; k++) cr_expect_str_neq(said[i], said[k]);
  }
  cr_expect_not(foal_ssl_ctx_can_serve(ctx));
  cr_expect_eq(foal_ssl_ctx_use_cert(ctx, good, key), FOAL_OK);
  cr_expect_str_eq(foal_ssl_ctx_detail(ctx), "", "success wipes the old words");
  foal_ssl_ctx_drop(&ctx);
  char *paths[] = {good, key, others, open, rubbish, expired, old_key};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    (void)unlink(paths[i]);
    free(paths[i]);
  }
  cert_free(old);
  pair_end(&p);
}

/* ---- what is agreed ---- */

static void agree(pair *p, const char *server, const char *client) FOAL_TURN;

/* A handshake of TLS 1.3 with these suites; NULL: those of the defaults. */
static void agree(pair *p, const char *server, const char *client)
{
  pair_prepare(p);
  pair_only(p, FOAL_TLS_1_3);
  if (server != NULL) cr_assert_eq(foal_ssl_ctx_suites(p->server_ctx, server), FOAL_OK);
  if (client != NULL) cr_assert_eq(foal_ssl_ctx_suites(p->client_ctx, client), FOAL_OK);
  shake(p);
}

/* 1.10.14: Pony cannot choose the suites of TLS 1.3. */
Test(conf_traps, suites_of_tls_1_3_are_chosen)
{
  turn_of_test();
  static const char *const suites[] = {
      "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"};
  pair p;
  for (int i = 0; i < 6; i++) {
    const char *suite = suites[i / 2];
    agree(&p, i % 2 == 0 ? suite : NULL, i % 2 == 0 ? NULL : suite);
    expect_ready(&p);
    cr_expect_str_eq(foal_ssl_cipher(p.server), suite);
    cr_expect_str_eq(foal_ssl_cipher(p.client), suite);
    pair_end(&p);
  }
  agree(&p, suites[0], suites[1]);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  cr_expect_eq(foal_ssl_alert_received(p.client), 40);
  pair_end(&p);
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_suites(p.server_ctx, suites[1]), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_ciphers(p.server_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256"),
               FOAL_OK);
  shake(&p);
  cr_expect_str_eq(foal_ssl_cipher(p.client), suites[1], "ciphers are those of TLS 1.2");
  pair_end(&p);
}

/* 1.10.14: clients are told whose certificates the server takes, if it wants any. */
Test(conf_traps, clients_are_shown_the_authorities)
{
  turn_of_test();
  test_cert *second = cert_make(&(cert_spec){.name = "second", .authority = true});
  static const foal_client_cert rules[] = {
      FOAL_CLIENT_CERT_OFF, FOAL_CLIENT_CERT_OPTIONAL, FOAL_CLIENT_CERT_REQUIRED};
  for (int i = 0; i < 6; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(p.cast.client, p.cast.root);
    pair_only(&p, both[i % 2]);
    cr_assert_eq(foal_ssl_ctx_trust_pem(p.server_ctx, p.cast.root->pem), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_trust_pem(p.server_ctx, second->pem), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, rules[i / 2]), FOAL_OK);
    shake(&p);
    expect_ready(&p);
    const STACK_OF(X509_NAME) *shown = SSL_get0_peer_CA_list(p.client->tls);
    int count = shown == NULL ? 0 : sk_X509_NAME_num(shown);
    cr_expect_eq(count, rules[i / 2] == FOAL_CLIENT_CERT_OFF ? 0 : 2);
    const X509 *issuers[] = {p.cast.root->cert, second->cert};
    for (int k = 0; k < count && k < 2; k++)
      cr_expect_eq(
          X509_NAME_cmp(sk_X509_NAME_value(shown, k), X509_get_subject_name(issuers[k])),
          0);
    pair_end(&p);
  }
  cert_free(second);
}

/* 1.10.14: Pony tells neither version nor cipher nor certificate nor reason. */
Test(conf_traps, a_session_can_be_asked)
{
  turn_of_test();
  pair p;
  char text[200];
  uint8_t print[FOAL_FINGERPRINT_BYTES];
  pair_ready(&p);
  cr_expect_eq(foal_ssl_version(p.client), FOAL_TLS_1_3);
  cr_expect_not_null(foal_ssl_cipher(p.client));
  cr_expect(foal_ssl_peer_verified(p.client));
  cr_expect_gt(foal_ssl_peer_subject(p.client, text, sizeof text), 0);
  cr_expect_not_null(strstr(text, "CN=server"), "%s", text);
  cr_expect_gt(foal_ssl_peer_names(p.client, text, sizeof text), 0);
  cr_expect_str_eq(text, "DNS:a.test");
  cr_expect(foal_ssl_peer_fingerprint(p.client, print));
  cr_expect_not(foal_ssl_peer_fingerprint(p.server, print), "the client sent none");
  cr_expect_str_eq(foal_ssl_reason(p.client), "");
  end_sessions(&p);
  pair_begin(&p, "b.test");
  pair_pump(&p);
  cr_expect_not_null(strstr(foal_ssl_reason(p.client), "ostname"), "%s",
                     foal_ssl_reason(p.client));
  cr_expect_not_null(strstr(foal_ssl_reason(p.server), "alert 42"), "%s",
                     foal_ssl_reason(p.server));
  pair_end(&p);
}
