/* ssl_trap_test.c - traps of TLS sessions that no row of Pony's names: verdicts that
 * reach nobody, refusals that look like our own, constructors that fail in silence.
 *
 * Traps of reading and of ALPN are beside the rows in ssl_read_test.c and
 * ssl_alpn_test.c, those of the error queue in ssl_stale_test.c.                       */
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "ssl_ways.h"

static void must(foal_err err)
{
  cr_assert_eq(err, FOAL_OK, "%s", foal_err_name(err));
}

/* ---- handshakes that go wrong ---- */

static void ask_client(pair *p, const test_cert *client)
{
  must(foal_ssl_ctx_trust_pem(p->server_ctx, p->cast.root->pem));
  must(foal_ssl_ctx_client_cert(p->server_ctx, FOAL_CLIENT_CERT_REQUIRED));
  if (client != NULL)
    must(foal_ssl_ctx_use_cert_pem(p->client_ctx, client->chain, client->key_pem));
}

static void trust_nobody(pair *p)
{
  foal_ssl_ctx_drop(&p->client_ctx);
  p->client_ctx = ctx_with(NULL, NULL);
}

static void serve(pair *p, const cert_spec *spec, bool revoked)
{
  test_cert *cert = cert_make(spec);
  foal_ssl_ctx_drop(&p->server_ctx);
  p->server_ctx = foal_ssl_ctx_new();
  must(foal_ssl_ctx_relax(p->server_ctx, FOAL_RELAX_CERT_EXPIRED));
  must(foal_ssl_ctx_use_cert_pem(p->server_ctx, cert->chain, cert->key_pem));
  char *crl = revoked ? cert_crl(p->cast.root, cert) : NULL;
  if (revoked) must(foal_ssl_ctx_crl_pem(p->client_ctx, crl));
  free(crl);
  cert_free(cert);
}

static void serve_expired(pair *p)
{
  serve(p,
        &(cert_spec){
            .alt = "DNS:a.test", .issuer = p->cast.root, .from_days = -9, .for_days = 3},
        false);
}

static void serve_revoked(pair *p)
{
  serve(p, &(cert_spec){.alt = "DNS:a.test", .issuer = p->cast.root}, true);
}

static void want_client(pair *p)
{
  ask_client(p, NULL);
}

static void show_stranger(pair *p)
{
  test_cert *stranger = cert_make(&(cert_spec){.name = "stranger"});
  ask_client(p, stranger);
  cert_free(stranger);
}

static void speak_otherwise(pair *p)
{
  static const char *const ours[] = {"h2"}, *const theirs[] = {"spdy"};
  must(foal_ssl_ctx_alpn_server(p->server_ctx, ours, 1));
  must(foal_ssl_ctx_alpn_client(p->client_ctx, theirs, 1));
}

static void share_no_cipher(pair *p)
{
  must(foal_ssl_ctx_ciphers(p->server_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256"));
  must(foal_ssl_ctx_ciphers(p->client_ctx, "ECDHE-ECDSA-AES256-GCM-SHA384"));
  must(foal_ssl_ctx_suites(p->server_ctx, "TLS_AES_128_GCM_SHA256"));
  must(foal_ssl_ctx_suites(p->client_ctx, "TLS_AES_256_GCM_SHA384"));
}

static void know_no_name(pair *p)
{
  must(foal_ssl_ctx_sni_unknown(p->server_ctx, FOAL_SNI_UNKNOWN_REJECT));
}

static void nothing_wrong(pair *p)
{
  (void)p;
}

/* Who fails, and with which alert under either version. */
typedef struct mishap {
  void (*prepare)(pair *p);
  const char *host;
  bool server_fails;
  foal_ssl_status status;
  int alerts[2];
} mishap;

static const mishap mishaps[] = {
    {trust_nobody, "a.test", false, FOAL_SSL_AUTH_FAIL, {48, 48}},
    {nothing_wrong, "b.test", false, FOAL_SSL_AUTH_FAIL, {42, 42}},
    {serve_expired, "a.test", false, FOAL_SSL_AUTH_FAIL, {45, 45}},
    {serve_revoked, "a.test", false, FOAL_SSL_AUTH_FAIL, {44, 44}},
    {want_client, "a.test", true, FOAL_SSL_AUTH_FAIL, {40, 116}},
    {show_stranger, "a.test", true, FOAL_SSL_AUTH_FAIL, {48, 48}},
    {speak_otherwise, "a.test", true, FOAL_SSL_ERROR, {120, 120}},
    {share_no_cipher, "a.test", true, FOAL_SSL_ERROR, {40, 40}},
    {know_no_name, "c.test", true, FOAL_SSL_ERROR, {112, 112}}};
enum { MISHAPS = sizeof mishaps / sizeof *mishaps };

/* The side that fails has its alert ready, once; the other one reads which it was, and
 * calls it an alert, not its own refusal. */
Test(conf_traps, alert_of_a_failed_handshake_reaches_the_peer)
{
  turn_of_test();
  for (int i = 0; i < MISHAPS * WAYS; i++) {
    const mishap *m = &mishaps[i / WAYS];
    const way *w = &ways[i % WAYS];
    int alert = m->alerts[w->version == FOAL_TLS_1_3];
    pair p;
    pair_prepare(&p);
    m->prepare(&p);
    pair_only(&p, w->version);
    way_shake(&p, w, m->host);
    foal_ssl *failed = m->server_fails ? p.server : p.client;
    foal_ssl *peer = m->server_fails ? p.client : p.server;
    cr_expect_null(hear(peer, 0));
    expect_failure(failed, m->status,
                   m->status == FOAL_SSL_ERROR ? FOAL_TLS_FAILED : FOAL_AUTH_FAILED);
    expect_failure(peer, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_sent(failed), alert, "%d: %s", i,
                 foal_ssl_reason(failed));
    cr_expect_eq(foal_ssl_alert_received(peer), alert, "%d: %s", i,
                 foal_ssl_reason(peer));
    cr_expect_not(foal_ssl_can_send(failed), "it left once");
    pair_end(&p);
  }
}

/* Pony's newest calls it its own authentication failure, as the good server's certificate
 * lies in the session. */
Test(conf_traps, refusal_by_the_peer_is_no_auth_fail_of_ours)
{
  turn_of_test();
  for (int i = 0; i < WAYS * 2; i++) {
    pair p;
    way_prepare(&p, &ways[i / 2]);
    (i % 2 == 0 ? want_client : show_stranger)(&p);
    way_shake(&p, &ways[i / 2], "a.test");
    expect_state(p.server, FOAL_SSL_AUTH_FAIL);
    cr_expect_null(hear(p.client, 0));
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_sent(p.client), -1);
    pair_end(&p);
  }
}

/* TLS 1.3: ready before the verdict. The verdict is not lost, although the transport
 * ended behind it. */
Test(conf_traps, late_refusal_is_read_before_the_end_of_the_transport)
{
  turn_of_test();
  for (int i = 2; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    want_client(&p);
    way_shake(&p, &ways[i], "a.test");
    expect_state(p.client, FOAL_SSL_READY);
    cr_expect_eq(foal_ssl_receive_end(p.client), FOAL_OK, "not known yet");
    cr_expect_null(hear(p.client, 0));
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_receive_end(p.client), FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(p.client), 116);
    pair_end(&p);
  }
}

/* Neither the client's certificate nor a byte of what it has to say leaves for a server
 * with the wrong name. */
Test(conf_traps, nothing_leaves_for_a_wrong_name)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    char subject[64];
    foal_buf *b;
    pair p;
    way_prepare(&p, &ways[i]);
    ask_client(&p, p.cast.client);
    pair_begin(&p, "b.test");
    bool made = foal_buf_from(&b, "secret", 6);
    if (!made) {
      cr_assert_fail("out of memory");
      return;
    }
    must(foal_ssl_queue(p.client, &b));
    pump(p.client, p.server, ways[i].cut);
    expect_state(p.client, FOAL_SSL_AUTH_FAIL);
    expect_state(p.server, FOAL_SSL_ERROR);
    cr_expect_eq(foal_ssl_bytes(p.client).plain_out, 0);
    cr_expect_eq(foal_ssl_queued_bytes(p.client), 0);
    cr_expect_eq(foal_ssl_peer_subject(p.server, subject, sizeof subject), 0);
    cr_expect_null(hear(p.server, 0));
    pair_end(&p);
  }
}

static void expect_inert(foal_ssl *s, foal_err err) FOAL_TURN;

static void expect_inert(foal_ssl *s, foal_err err)
{
  expect_failure(s, FOAL_SSL_ERROR, err);
  cr_expect_gt(strlen(foal_ssl_reason(s)), 0);
  give_cipher(s, "anything", 8);
  give_cipher(s, "", 0);
  cr_expect_null(hear(s, 0));
  cr_expect_eq(say(s, "x"), FOAL_BAD_STATE);
  foal_ssl_close(s);
  free(take_cipher(s).at); /* OpenSSL has an alert even for one that was never asked */
  cr_expect_not(foal_ssl_can_send(s));
  cr_expect_eq(foal_ssl_receive_end(s), err);
  expect_failure(s, FOAL_SSL_ERROR, err);
}

/* Whoever looks at a new session knows at once: nothing has to be sent or received. */
Test(conf_traps, failed_constructor_is_reported)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  pair_begin(&p, "not a name");
  expect_inert(p.client, FOAL_BAD_NAME);
  way_again(&p);
  SSL_CTX_set_options(p.client_ctx->tls, SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(NULL, NULL);
  pair_begin(&p, "a.test");
  expect_inert(p.client, FOAL_TLS_FAILED);
  expect_inert(p.server, FOAL_BAD_STATE);
  pair_end(&p);
}

static int ask_again(SSL *tls, void *arg)
{
  (void)tls, (void)arg;
  return -1;
}

/* Pony ends the process when SSL_get_error says what it does not expect, here
 * SSL_ERROR_WANT_X509_LOOKUP. */
Test(conf_traps, unexpected_code_of_openssl_ends_one_session)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    must(foal_ssl_ctx_freeze(p.server_ctx));
    SSL_CTX_set_cert_cb(p.server_ctx->tls, ask_again, NULL);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(p.server), "code 4"), "%s",
                       foal_ssl_reason(p.server));
    expect_state(p.client, FOAL_SSL_HANDSHAKE);
    cr_expect_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
    pair_end(&p);
  }
}

/* TLS 1.2, where it can be damaged: not the peer's credentials are wrong, its bytes. */
Test(conf_traps, certificate_that_does_not_parse_is_no_auth_fail)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    unsigned char *der = NULL;
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    int len = i2d_X509(p.cast.server->cert, &der);
    cr_assert_gt(len, 0);
    cipher_bytes hello = take_cipher(p.client);
    give_cipher(p.server, hello.at, hello.len);
    cipher_bytes flight = take_cipher(p.server);
    uint8_t *cert = memmem(flight.at, flight.len, der, (size_t)len);
    cr_assert_not_null(cert);
    cert[0] ^= 1;
    for (size_t at = 0; at < flight.len; at += ways[i].cut)
      give_cipher(p.client, flight.at + at,
                  flight.len - at < ways[i].cut ? flight.len - at : ways[i].cut);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    OPENSSL_free(der);
    free(hello.at);
    free(flight.at);
    pair_end(&p);
  }
}

Test(conf_traps, verify_off_switches_the_check_of_names_off)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    trust_nobody(&p);
    must(foal_ssl_ctx_verify_peer(p.client_ctx, false));
    way_shake(&p, &ways[i], "b.test");
    expect_state(p.client, FOAL_SSL_READY);
    expect_state(p.server, FOAL_SSL_READY);
    cr_expect_not(foal_ssl_peer_verified(p.client));
    pair_end(&p);
  }
}

/* A server that wants certificates binds its sessions to its rules, or OpenSSL refuses to
 * resume them and ends the handshake. */
Test(conf_traps, client_with_a_certificate_resumes)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    foal_buf *saved;
    pair p;
    way_prepare(&p, &ways[i]);
    ask_client(&p, p.cast.client);
    way_shake(&p, &ways[i], "a.test");
    expect_state(p.server, FOAL_SSL_READY);
    cr_expect_null(hear(p.client, 0));
    bool got = foal_ssl_save(p.client, &saved);
    if (!got) {
      cr_assert_fail("nothing to resume");
      return;
    }
    way_again(&p);
    p.server = foal_ssl_server(p.server_ctx);
    p.client = foal_ssl_client_resume(p.client_ctx, "a.test", saved);
    foal_buf_drop(&saved);
    pump(p.client, p.server, ways[i].cut);
    cr_expect(foal_ssl_resumed(p.server), "%s", foal_ssl_reason(p.server));
    cr_expect(foal_ssl_peer_verified(p.server));
    cr_expect(foal_ssl_peer_matches(p.server, "client.test"));
    pair_end(&p);
  }
}

/* In every state: nothing comes of nothing, and the state can be asked for after it. */
Test(conf_traps, receive_of_nothing_is_a_probe)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i += 2) {
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    foal_ssl *ends[] = {p.client, p.server};
    static const foal_ssl_status stations[][2] = {
        {FOAL_SSL_HANDSHAKE, FOAL_SSL_HANDSHAKE}, {FOAL_SSL_READY, FOAL_SSL_READY},
        {FOAL_SSL_SHUT, FOAL_SSL_CLOSING},        {FOAL_SSL_CLOSED, FOAL_SSL_CLOSED},
        {FOAL_SSL_DISPOSED, FOAL_SSL_DISPOSED},
    };
    for (size_t k = 0; k < sizeof stations / sizeof *stations; k++) {
      if (k == 2) foal_ssl_close(p.client);
      if (k == 3) foal_ssl_close(p.server);
      if (k > 0) pair_pump(&p);
      if (k == 4) foal_ssl_dispose(p.client);
      if (k == 4) foal_ssl_dispose(p.server);
      for (int end = 0; end < 2; end++) {
        cr_expect_null(hear(ends[end], 0));
        bool more = foal_ssl_can_send(ends[end]);
        give_cipher(ends[end], "", 0);
        expect_state(ends[end], stations[k][end]);
        cr_expect_eq(foal_ssl_can_send(ends[end]), more);
      }
    }
    pair_end(&p);
  }
}

/* A peer that begins to renegotiate, TLS 1.2: it is told no, and what is written next is
 * encrypted and leaves. Pony's write said that all was well and encrypted nothing. */
Test(conf_traps, write_is_not_swallowed_by_a_renegotiation)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    way_ready(&p, &ways[i]);
    SSL_clear_options(p.client->tls, SSL_OP_NO_RENEGOTIATION);
    cr_assert_eq(SSL_renegotiate(p.client->tls), 1);
    (void)SSL_do_handshake(p.client->tls);
    cipher_bytes hello = take_cipher(p.client);
    for (size_t at = 0; at < hello.len; at += ways[i].cut)
      give_cipher(p.server, hello.at + at,
                  hello.len - at < ways[i].cut ? hello.len - at : ways[i].cut);
    must(say(p.server, "before it is read"));
    cr_expect_null(hear(p.server, 0));
    must(say(p.server, "and after"));
    cipher_bytes all = take_cipher(p.server);
    cr_expect_gt(all.len, 26);
    cr_expect_eq(foal_ssl_bytes(p.server).plain_out, 26);
    cr_expect_eq(foal_ssl_queued_bytes(p.server), 0);
    cr_expect_eq(foal_ssl_alert_sent(p.server), SSL_AD_NO_RENEGOTIATION);
    expect_state(p.server, FOAL_SSL_READY);
    free(hello.at);
    free(all.at);
    pair_end(&p);
  }
}
