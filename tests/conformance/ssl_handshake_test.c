/* ssl_handshake_test.c - Pony's rows about how handshakes end: ready, authentication
 * failure or error, at the right side; and the traps that a wrong verdict, a lost alert
 * or an unreported failure is.
 *
 * Every row runs under both versions, in whole flights and byte by byte (ssl_ways.h).  */
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "ssl_ways.h"

#include <errno.h>
#include <openssl/err.h>

static void must(foal_err err)
{
  cr_assert_eq(err, FOAL_OK, "%s", foal_err_name(err));
}

/* The client trusts the given root only, NULL: nobody. */
static void let_trust(pair *p, const test_cert *root)
{
  foal_ssl_ctx_drop(&p->client_ctx);
  p->client_ctx = ctx_with(NULL, root);
}

/* The server wants a certificate; the client has this one (NULL: none). */
static void ask_client(pair *p, const test_cert *client, foal_client_cert rule)
{
  must(foal_ssl_ctx_trust_pem(p->server_ctx, p->cast.root->pem));
  must(foal_ssl_ctx_client_cert(p->server_ctx, rule));
  if (client != NULL)
    must(foal_ssl_ctx_use_cert_pem(p->client_ctx, client->chain, client->key_pem));
}

/* Gives a copy of the bytes in cuts. */
static void give_cut(foal_ssl *s, const cipher_bytes *all, size_t cut) FOAL_TURN;

static void give_cut(foal_ssl *s, const cipher_bytes *all, size_t cut)
{
  for (size_t at = 0; at < all->len; at += cut)
    give_cipher(s, all->at + at, all->len - at < cut ? all->len - at : cut);
}

/* One step of the dialogue: all that `from` has, one bit of it flipped, `back` bytes
 * before its end (0: none). */
static void carry(foal_ssl *from, foal_ssl *to, size_t cut, size_t back) FOAL_TURN;

static void carry(foal_ssl *from, foal_ssl *to, size_t cut, size_t back)
{
  cipher_bytes all = take_cipher(from);
  cr_assert_gt(all.len, back);
  if (back > 0) all.at[all.len - back] ^= 1;
  give_cut(to, &all, cut);
  free(all.at);
}

/* ---- rows ---- */

Test(conf_ssl, SSL_handshake_in_memory)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    pair_begin(&p, "a.test");
    cr_expect(foal_ssl_can_send(p.client), "the first flight waits at once");
    cr_expect_not(foal_ssl_can_send(p.server), "a server has nothing to say first");
    pump(p.client, p.server, ways[i].cut);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
    cr_expect_eq(foal_ssl_version(p.server), (int)ways[i].version);
    must(say(p.client, "from the client"));
    must(say(p.server, "from the server"));
    pump(p.client, p.server, ways[i].cut);
    cr_expect_str_eq(hear(p.server, 0), "from the client");
    cr_expect_str_eq(hear(p.client, 0), "from the server");
    pair_end(&p);
  }
}

/* Made, not refused; and in its final state before anybody gives it a byte. */
Test(conf_ssl, SSL_create_no_available_protocol)
{
  static const unsigned long options[] = {0, SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    if (options[i] == 0) {
      /* A cipher that needs what the client does not have. */
      must(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2));
      must(foal_ssl_ctx_ciphers(p.client_ctx, "PSK-AES128-GCM-SHA256"));
    }
    SSL_CTX_set_options(p.client_ctx->tls, options[i]);
    pair_begin(&p, "a.test");
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(p.client), "available"), "%s",
                       foal_ssl_reason(p.client));
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_receive_non_tls_bytes)
{
  static const char *const texts[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                      "SSH-2.0-OpenSSH_9.2p1\r\n",
                                      "220 mail.test ESMTP ready\r\n"};
  turn_of_test();
  for (int i = 0; i < WAYS * 3; i++) {
    const char *text = texts[i / WAYS];
    pair p;
    way_prepare(&p, &ways[i % WAYS]);
    must(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED));
    pair_begin(&p, "a.test");
    cipher_bytes bytes = {(uint8_t *)strdup(text), strlen(text)};
    give_cut(p.client, &bytes, ways[i % WAYS].cut);
    give_cut(p.server, &bytes, ways[i % WAYS].cut);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    free(bytes.at);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_receive_untrusted_chain)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    let_trust(&p, NULL);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_receive_untrusted_client_chain)
{
  test_cert *stranger = cert_make(&(cert_spec){.name = "stranger"});
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    ask_client(&p, stranger, FOAL_CLIENT_CERT_REQUIRED);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    pair_end(&p);
  }
  cert_free(stranger);
}

Test(conf_ssl, SSL_receive_peer_rejected_our_cert)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    let_trust(&p, NULL);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    cr_expect_eq(foal_ssl_alert_received(p.server), SSL_AD_UNKNOWN_CA);
    pair_end(&p);
  }
}

/* As Pony on the client; the server, which is ready in Pony's test, knows of it, because
 * the name is compared inside the handshake. */
Test(conf_ssl, SSL_receive_hostname_mismatch)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    way_shake(&p, &ways[i], "b.test");
    expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(p.client), "hostname mismatch"), "%s",
                       foal_ssl_reason(p.client));
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_receive_no_shared_version)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    bool old = ways[i].version == FOAL_TLS_1_2;
    foal_tls other = old ? FOAL_TLS_1_3 : FOAL_TLS_1_2;
    pair p;
    way_prepare(&p, &ways[i]);
    must(foal_ssl_ctx_versions(p.client_ctx, other, other));
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

Test(conf_ssl, SSL_receive_no_peer_certificate)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair p;
    way_prepare(&p, &ways[i]);
    ask_client(&p, NULL, FOAL_CLIENT_CERT_REQUIRED);
    way_shake(&p, &ways[i], "a.test");
    expect_failure(p.server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(p.server), "no certificate"), "%s",
                       foal_ssl_reason(p.server));
    if (ways[i].version == FOAL_TLS_1_3)
      expect_state(p.client, FOAL_SSL_READY);
    else
      expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

enum {
  /* Bytes behind the signature in a server's flight under TLS 1.2: ServerHelloDone. In a
   * client's: ChangeCipherSpec and Finished. */
  BEHIND_SERVER_PROOF = 9,
  BEHIND_CLIENT_PROOF = 6 + 45
};

Test(conf_ssl, SSL_receive_verify_off_never_auth_fails)
{
  turn_of_test();
  for (int i = 0; i < WAYS * 2; i++) {
    const way *w = &ways[i / 2];
    pair p;
    way_prepare(&p, w);
    if (i % 2 == 0) let_trust(&p, NULL);
    must(foal_ssl_ctx_verify_peer(p.client_ctx, false));
    pair_begin(&p, i % 2 == 0 ? "b.test" : "a.test");
    carry(p.client, p.server, w->cut, 0);
    carry(p.server, p.client, w->cut, BEHIND_SERVER_PROOF + 3);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    pair_end(&p);
  }
}

/* TLS 1.2 only: under TLS 1.3 the signature is encrypted, and a flipped bit does not get
 * as far as its check. A client's proof as well as a server's. */
Test(conf_ssl, SSL_receive_unproven_certificate)
{
  turn_of_test();
  for (int i = 0; i < 4; i++) {
    bool clients = i >= 2;
    const way *w = &ways[i % 2];
    pair p;
    way_prepare(&p, w);
    cr_assert_eq(w->version, FOAL_TLS_1_2);
    if (clients) ask_client(&p, p.cast.client, FOAL_CLIENT_CERT_REQUIRED);
    pair_begin(&p, "a.test");
    carry(p.client, p.server, w->cut, 0);
    carry(p.server, p.client, w->cut, clients ? 0 : BEHIND_SERVER_PROOF + 3);
    if (clients) carry(p.client, p.server, w->cut, BEHIND_CLIENT_PROOF + 3);
    const foal_ssl *refuser = clients ? p.server : p.client;
    expect_failure(refuser, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
    cr_expect_not_null(strstr(foal_ssl_reason(refuser), "not proven"), "%s",
                       foal_ssl_reason(refuser));
    cr_expect_not(foal_ssl_peer_verified(refuser));
    pair_end(&p);
  }
}

/* What a resolver of Pony's may do and a list cannot: fail a call of OpenSSL's first. */
static int fail_loudly(SSL *tls, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
  (void)tls, (void)out, (void)out_len, (void)in, (void)in_len, (void)arg;
  cr_assert_null(BIO_new_file("/nowhere/at/all", "r"));
  ERR_raise(ERR_LIB_SYS, EIO);
  ERR_raise(ERR_LIB_PEM, 108);
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Test(conf_ssl, SSL_receive_alpn_fatal_with_queued_error)
{
  static const char *const ours[] = {"h2"}, *const theirs[] = {"spdy"};
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    char clean[256] = "";
    for (int loud = 0; loud < 2; loud++) {
      pair p;
      way_prepare(&p, &ways[i]);
      ask_client(&p, p.cast.client, FOAL_CLIENT_CERT_REQUIRED);
      must(foal_ssl_ctx_alpn_server(p.server_ctx, ours, 1));
      must(foal_ssl_ctx_alpn_client(p.client_ctx, theirs, 1));
      must(foal_ssl_ctx_freeze(p.server_ctx));
      if (loud) SSL_CTX_set_alpn_select_cb(p.server_ctx->tls, fail_loudly, NULL);
      way_shake(&p, &ways[i], "a.test");
      expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
      expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
      cr_expect_eq(foal_ssl_alert_received(p.client), SSL_AD_NO_APPLICATION_PROTOCOL);
      if (!loud) snprintf(clean, sizeof clean, "%s", foal_ssl_reason(p.server));
      cr_expect_str_eq(foal_ssl_reason(p.server), clean);
      pair_end(&p);
    }
  }
}

/* One number is two reasons: 199 in libssl and 199 in the reader of ASN.1. */
Test(conf_ssl, ERRCode_fields)
{
  static const int reason = SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
  foal__ossl_facts facts;
  ERR_raise(ERR_LIB_ASN1, reason);
  unsigned long other = ERR_peek_error();
  cr_expect_eq(ERR_GET_LIB(other), ERR_LIB_ASN1);
  cr_expect_eq(ERR_GET_REASON(other), reason);
  foal__ossl_drain(&facts);
  cr_expect_not(facts.no_peer_certificate);
  cr_expect_eq(facts.any, other);
  cr_expect_eq(facts.newest, 0, "nothing of libssl's");
  ERR_raise(ERR_LIB_ASN1, reason);
  ERR_raise(ERR_LIB_SSL, reason);
  ERR_raise(ERR_LIB_X509, 1);
  foal__ossl_drain(&facts);
  cr_expect(facts.no_peer_certificate, "wherever in the queue it lies");
  cr_expect_eq(ERR_GET_LIB(facts.newest), ERR_LIB_SSL);
  cr_expect_eq(ERR_GET_REASON(facts.newest), reason);
  cr_expect_eq(ERR_GET_LIB(facts.any), ERR_LIB_X509);
  cr_expect_eq(foal__ossl_alert(facts.newest), -1);
  cr_expect_eq(foal__ossl_alert(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + 48)), 48);
  cr_expect_eq(foal__ossl_alert(ERR_PACK(ERR_LIB_EVP, 0, SSL_AD_REASON_OFFSET + 48)), -1);
  cr_expect_eq(ERR_peek_error(), 0);
}

Test(conf_ssl, SSL_failed_handshake_does_not_affect_later_read)
{
  turn_of_test();
  for (int i = 0; i < WAYS; i++) {
    pair healthy, failed;
    way_ready(&healthy, &ways[i]);
    (void)hear(healthy.client, 0);
    way_prepare(&failed, &ways[i]);
    let_trust(&failed, NULL);
    way_shake(&failed, &ways[i], "a.test");
    expect_state(failed.client, FOAL_SSL_AUTH_FAIL);
    foal_ssl *ends[] = {healthy.client, healthy.server};
    for (int k = 0; k < 2; k++) {
      cr_expect_null(hear(ends[k], 0));
      cr_expect_null(hear(ends[k], 1));
      expect_state(ends[k], FOAL_SSL_READY);
    }
    must(say(healthy.client, "still here"));
    pump(healthy.client, healthy.server, ways[i].cut);
    cr_expect_str_eq(hear(healthy.server, 0), "still here");
    way_again(&failed);
    pair_end(&healthy);
    foal_ssl_ctx_drop(&failed.server_ctx);
    foal_ssl_ctx_drop(&failed.client_ctx);
    cast_free(&failed.cast);
  }
}
