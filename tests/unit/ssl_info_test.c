/* ssl_info_test.c - what a session tells about itself and its peer. */
#include "foal_test.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(ssl_info, a_new_session_knows_nothing)
{
  turn_of_test();
  pair p;
  char text[16] = "x";
  uint8_t print[FOAL_FINGERPRINT_BYTES], secret[8];
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  foal_ssl *both[] = {p.client, p.server};
  for (int i = 0; i < 2; i++) {
    cr_expect_str_eq(foal_ssl_reason(both[i]), "");
    cr_expect_eq(foal_ssl_alert_sent(both[i]), -1);
    cr_expect_eq(foal_ssl_alert_received(both[i]), -1);
    cr_expect_eq(foal_ssl_version(both[i]), 0);
    cr_expect_null(foal_ssl_cipher(both[i]));
    cr_expect_not(foal_ssl_resumed(both[i]));
    cr_expect_not(foal_ssl_peer_verified(both[i]));
    cr_expect_eq(foal_ssl_peer_subject(both[i], text, sizeof text), 0);
    cr_expect_str_eq(text, "");
    cr_expect_eq(foal_ssl_peer_names(both[i], text, sizeof text), 0);
    cr_expect_not(foal_ssl_peer_matches(both[i], "a.test"));
    cr_expect_not(foal_ssl_peer_fingerprint(both[i], print));
    cr_expect_not(foal_ssl_end_seen(both[i]));
    cr_expect_eq(
        foal_ssl_export(both[i], &(foal_ssl_exporter){"label", NULL, 0}, secret, 8),
        FOAL_BAD_STATE);
  }
  cr_expect_null(foal_ssl_server_name(p.server));
  pair_end(&p);
}

Test(ssl_info, a_ready_session_knows_what_was_agreed)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_expect_eq(foal_ssl_version(p.client), FOAL_TLS_1_3);
  cr_expect_str_eq(foal_ssl_cipher(p.client), "TLS_AES_128_GCM_SHA256");
  cr_expect_str_eq(foal_ssl_cipher(p.server), "TLS_AES_128_GCM_SHA256");
  cr_expect_str_eq(foal_ssl_server_name(p.server), "a.test");
  cr_expect(foal_ssl_peer_verified(p.client));
  cr_expect_not(foal_ssl_peer_verified(p.server));
  cr_expect(foal_ssl_peer_matches(p.client, "A.test."));
  cr_expect_not(foal_ssl_peer_matches(p.client, "b.test"));
  cr_expect_not(foal_ssl_peer_matches(p.client, ""));
  pair_end(&p);
}

Test(ssl_info, the_peers_names_are_told_and_escaped)
{
  turn_of_test();
  static const char evil[] = "a.test, DNS:evil\n\\\0x";
  pair p;
  char text[200], small[8];
  pair_prepare(&p);
  test_cert *many = cert_make(&(cert_spec){
      .name = "caf\xc3\xa9, Inc",
      .alt =
          "DNS:a.test,IP:192.0.2.1,IP:2001:db8::1,URI:https://a.test/x,email:me@a.test",
      .issuer = p.cast.root});
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(many, NULL);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  size_t len = foal_ssl_peer_names(p.client, text, sizeof text);
  cr_expect_str_eq(text,
                   "DNS:a.test, IP:192.0.2.1, IP:2001:db8::1, URI:https://a.test/x, "
                   "email:me@a.test");
  cr_expect_eq(len, strlen(text));
  cr_expect_eq(foal_ssl_peer_names(p.client, small, sizeof small), len);
  cr_expect_str_eq(small, "DNS:a.t");
  cr_expect_eq(foal_ssl_peer_names(p.client, NULL, 0), len);
  len = foal_ssl_peer_subject(p.client, text, sizeof text);
  cr_expect_eq(len, strlen(text));
  cr_expect_not_null(strstr(text, "O=Foal test"), "%s", text);
  cr_expect_not_null(strstr(text, "\\, Inc"), "%s", text);
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  cert_free(many);
  many = cert_make(&(cert_spec){
      .raw_dns = evil, .raw_dns_len = sizeof evil - 1, .issuer = p.cast.root});
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(many, NULL);
  pair_begin(&p, NULL);
  pair_pump(&p);
  (void)foal_ssl_peer_names(p.client, text, sizeof text);
  cr_expect_str_eq(text, "DNS:a.test\\x2c\\x20DNS:evil\\x0a\\x5c\\x00x");
  cert_free(many);
  pair_end(&p);
}

Test(ssl_info, fingerprints_are_those_of_the_certificate)
{
  turn_of_test();
  pair p;
  uint8_t seen[FOAL_FINGERPRINT_BYTES], real[EVP_MAX_MD_SIZE];
  unsigned len;
  pair_ready(&p);
  cr_assert(foal_ssl_peer_fingerprint(p.client, seen));
  cr_assert_eq(X509_digest(p.cast.server->cert, EVP_sha256(), real, &len), 1);
  cr_assert_arr_eq(seen, real, FOAL_FINGERPRINT_BYTES);
  cr_assert_not(foal_ssl_peer_fingerprint(p.server, seen));
  pair_end(&p);
}

/* Whether the peer's certificate comes, and is this one, to the last byte. */
static bool shows(const foal_ssl *s, const X509 *wanted) FOAL_TURN;
static bool shows(const foal_ssl *s, const X509 *wanted)
{
  foal_buf *der;
  if (!foal_ssl_peer_cert(s, &der)) return false;
  const unsigned char *at = foal_buf_data(der), *end = at + foal_buf_len(der);
  X509 *cert = d2i_X509(NULL, &at, end - at);
  bool same = cert != NULL && X509_cmp(cert, wanted) == 0 && at == end;
  X509_free(cert);
  foal_buf_drop(&der);
  return same;
}

Test(ssl_info, the_certificate_comes_as_it_was_sent)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  cr_expect(shows(p.client, p.cast.server->cert));
  cr_expect_not(shows(p.server, p.cast.client->cert)); /* the client has shown none */
  foal_ssl_dispose(p.client);
  cr_expect_not(shows(p.client, p.cast.server->cert));
  pair_end(&p);
}

Test(ssl_info, both_sides_export_the_same_secret)
{
  turn_of_test();
  static const uint8_t context[] = {1, 2, 3};
  const foal_ssl_exporter plain = {"EXPORTER-foal", NULL, 0};
  const foal_ssl_exporter with = {"EXPORTER-foal", context, sizeof context};
  pair p;
  uint8_t a[32], b[32], c[32];
  pair_ready(&p);
  cr_assert_eq(foal_ssl_export(p.client, &plain, a, sizeof a), FOAL_OK);
  cr_assert_eq(foal_ssl_export(p.server, &plain, b, sizeof b), FOAL_OK);
  cr_assert_arr_eq(a, b, sizeof a);
  cr_assert_eq(foal_ssl_export(p.server, &with, c, sizeof c), FOAL_OK);
  cr_assert_neq(memcmp(b, c, sizeof b), 0);
  cr_assert_eq(foal_ssl_export(p.client, &with, a, sizeof a), FOAL_OK);
  cr_assert_arr_eq(a, c, sizeof a);
  pair_end(&p);
}

Test(ssl_info, bytes_are_counted)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  foal_ssl_counts before = foal_ssl_bytes(p.client);
  cr_assert_eq(say(p.client, "12345"), FOAL_OK);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 2), "12");
  foal_ssl_counts client = foal_ssl_bytes(p.client), server = foal_ssl_bytes(p.server);
  cr_assert_eq(client.plain_out, 5);
  cr_assert_eq(server.plain_in, 2, "what was taken out");
  cr_assert_eq(client.cipher_out - before.cipher_out, 5 + 22);
  cr_assert_eq(client.cipher_out, server.cipher_in);
  cr_assert_eq(server.cipher_out, client.cipher_in);
  foal_ssl_dispose(p.client);
  cr_assert_eq(foal_ssl_bytes(p.client).plain_out, 5);
  pair_end(&p);
}

Test(ssl_info, secrets_are_logged_only_when_told)
{
  turn_of_test();
  pair p;
  char *path = cert_file("", 0600);
  char text[4096] = "";
  (void)unlink(path);
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_keylog(p.client_ctx, path), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_keylog(p.client_ctx, path), FOAL_OK, "again is fine");
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  FILE *log = fopen(path, "r");
  cr_assert_not_null(log);
  size_t len = fread(text, 1, sizeof text - 1, log);
  (void)fclose(log);
  struct stat st;
  cr_assert_eq(stat(path, &st), 0);
  cr_expect_eq(st.st_mode & 0777, 0600);
  cr_expect_not_null(strstr(text, "CLIENT_HANDSHAKE_TRAFFIC_SECRET "));
  cr_expect_not_null(strstr(text, "\nCLIENT_TRAFFIC_SECRET_0 "));
  cr_expect_eq(text[len - 1], '\n');
  (void)unlink(path);
  free(path);
  pair_end(&p);
}

Test(ssl_info, live_sessions_are_counted)
{
  turn_of_test();
  pair p;
  cr_assert_eq(foal_ssl_live_count(), 0);
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  cr_assert_eq(foal_ssl_live_count(), 2);
  foal_ssl_dispose(p.client);
  cr_assert_eq(foal_ssl_live_count(), 2, "disposed is not freed");
  foal_ssl_free(&p.client);
  cr_assert_eq(foal_ssl_live_count(), 1);
  pair_end(&p);
}

Test(ssl_info, self_signed_serves_and_is_trusted)
{
  turn_of_test();
  static const char *const hosts[] = {"localhost", "127.0.0.1", "::1"};
  foal_ssl_ctx *server = foal_ssl_ctx_new(), *client = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_self_signed(server, "localhost"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_trust_pem(client, foal_ssl_ctx_self_signed_pem(server)),
               FOAL_OK);
  for (int i = 0; i < 3; i++) {
    foal_ssl *s = foal_ssl_server(server), *c = foal_ssl_client(client, hosts[i]);
    pump(c, s, 1000);
    cr_expect_eq(foal_ssl_state(c), FOAL_SSL_READY, "%s: %s", hosts[i],
                 foal_ssl_reason(c));
    foal_ssl_free(&s);
    foal_ssl_free(&c);
  }
  foal_ssl_ctx_drop(&server);
  foal_ssl_ctx_drop(&client);
}
