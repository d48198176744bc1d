/* ssl_corners_test.c - contexts at the edges of what may be set, and sessions that are
 * asked at odd times: a typed error and a text, or nothing at all, never a crash. */
#include "aborts.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_detail(const foal_ssl_ctx *ctx, foal_err is, foal_err want,
                          const char *word)
{
  cr_expect_eq(is, want, "%s: %s", foal_err_name(is), foal_ssl_ctx_detail(ctx));
  cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), word), "no '%s' in: %s", word,
                     foal_ssl_ctx_detail(ctx));
  cr_expect_eq(ERR_peek_error(), 0);
}

/* ---- contexts ---- */

Test(ssl_corners, nothing_is_no_setting)
{
  static const foal_ticket_key keys[FOAL_TICKET_KEYS_MAX + 1];
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  expect_detail(ctx, foal_ssl_ctx_ciphers(ctx, NULL), FOAL_BAD_CIPHERS, "1.2");
  expect_detail(ctx, foal_ssl_ctx_suites(ctx, NULL), FOAL_BAD_CIPHERS, "1.3");
  expect_detail(ctx, foal_ssl_ctx_suites(ctx, ""), FOAL_BAD_CIPHERS, "1.3");
  expect_detail(ctx, foal_ssl_ctx_groups(ctx, NULL), FOAL_BAD_CIPHERS, "groups");
  expect_detail(ctx, foal_ssl_ctx_groups(ctx, ""), FOAL_BAD_CIPHERS, "groups");
  expect_detail(ctx, foal_ssl_ctx_self_signed(ctx, NULL), FOAL_BAD_NAME, "neither");
  expect_detail(ctx, foal_ssl_ctx_keylog(ctx, NULL), FOAL_FILE_UNREADABLE, "no path");
  expect_detail(ctx, foal_ssl_ctx_trust_dir(ctx, NULL), FOAL_FILE_UNREADABLE, "no path");
  expect_detail(ctx, foal_ssl_ctx_trust_pem(ctx, NULL), FOAL_BAD_PEM, "certificate 1");
  expect_detail(ctx, foal_ssl_ctx_crl_pem(ctx, NULL), FOAL_BAD_PEM, "list 1");
  expect_detail(ctx, foal_ssl_ctx_ticket_keys(ctx, NULL, 1), FOAL_BAD_ARGUMENT, "1 to");
  expect_detail(ctx, foal_ssl_ctx_ticket_keys(ctx, keys, 0), FOAL_BAD_ARGUMENT, "not 0");
  expect_detail(ctx, foal_ssl_ctx_ticket_keys(ctx, keys, FOAL_TICKET_KEYS_MAX + 1),
                FOAL_BAD_ARGUMENT, "1 to");
  expect_detail(ctx, foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, (foal_tls)0x0305),
                FOAL_BAD_VERSION, "0x0305");
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK, "nothing of it has stayed");
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_corners, a_chain_is_bounded)
{
  cast c;
  cast_make(&c);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  size_t len = strlen(c.server->pem);
  char *many = malloc(len * 33 + 1);
  cr_assert_not_null(many);
  for (size_t i = 0; i < 33; i++) memcpy(many + i * len, c.server->pem, len + 1);
  expect_detail(ctx, foal_ssl_ctx_use_cert_pem(ctx, many, c.server->key_pem),
                FOAL_BAD_PEM, "more than 32");
  many[len * 32] = '\0';
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, many, c.server->key_pem), FOAL_OK);
  free(many);
  foal_ssl_ctx_drop(&ctx);
  cast_free(&c);
}

/* As many as there are may be trusted; only so many are named to clients. */
Test(ssl_corners, the_names_shown_to_clients_are_bounded)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  for (int i = 0; i < 70; i++)
    cr_assert_eq(foal_ssl_ctx_trust_pem(p.server_ctx, p.cast.root->pem), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_OPTIONAL),
               FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  cr_assert_leq(sk_X509_NAME_num(SSL_get_client_CA_list(p.client->tls)), 64);
  pair_end(&p);
}

Test(ssl_corners, clients_may_be_asked_by_a_server_that_trusts_nobody)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_OPTIONAL),
               FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  cr_assert_not(foal_ssl_peer_verified(p.server));
  pair_end(&p);
}

Test(ssl_corners, files_are_bounded)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  char *path = cert_file("-", 0600);
  cr_assert_eq(truncate(path, (4 << 20) + 1), 0);
  expect_detail(ctx, foal_ssl_ctx_trust_file(ctx, path), FOAL_FILE_UNREADABLE, "4 MiB");
  (void)unlink(path);
  expect_detail(ctx, foal_ssl_ctx_crl_file(ctx, path), FOAL_FILE_UNREADABLE, path);
  free(path);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_corners, a_missing_key_path_is_told_from_a_missing_chain_path)
{
  cast c;
  cast_make(&c);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  char *path = cert_file(c.server->pem, 0600);
  expect_detail(ctx, foal_ssl_ctx_use_cert(ctx, path, ""), FOAL_FILE_UNREADABLE,
                "a key file");
  expect_detail(ctx, foal_ssl_ctx_use_cert(ctx, "", path), FOAL_FILE_UNREADABLE,
                "a certificate file");
  (void)unlink(path);
  free(path);
  foal_ssl_ctx_drop(&ctx);
  cast_free(&c);
}

Test(ssl_corners, revocation_lists_come_from_files_and_are_read_to_the_end)
{
  cast c;
  cast_make(&c);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  char *crl = cert_crl(c.root, c.client), *path = cert_file(crl, 0644), *damaged;
  cr_assert_eq(foal_ssl_ctx_crl_file(ctx, path), FOAL_OK);
  size_t len = strlen(crl);
  damaged = malloc(2 * len + 1);
  cr_assert_not_null(damaged);
  memcpy(damaged, crl, len);
  memcpy(damaged + len, crl, len + 1);
  damaged[len + len / 2] = '!';
  expect_detail(ctx, foal_ssl_ctx_crl_pem(ctx, damaged), FOAL_BAD_PEM, "list 2");
  (void)unlink(path);
  free(damaged);
  free(path);
  free(crl);
  foal_ssl_ctx_drop(&ctx);
  cast_free(&c);
}

/* What the system trusts may be a file or a directory, and the environment names both. */
Test(ssl_corners, the_system_needs_one_store_only)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  (void)setenv("SSL_CERT_FILE", "/nowhere/file", 1);
  (void)setenv("SSL_CERT_DIR", "/nowhere/dir", 1);
  expect_detail(ctx, foal_ssl_ctx_trust_system(ctx), FOAL_FILE_UNREADABLE, "/nowhere");
  (void)setenv("SSL_CERT_DIR", "/", 1);
  cr_assert_eq(foal_ssl_ctx_trust_system(ctx), FOAL_OK);
  (void)unsetenv("SSL_CERT_FILE");
  (void)unsetenv("SSL_CERT_DIR");
  foal_err err = foal_ssl_ctx_trust_system(ctx); /* this machine may have none */
  cr_assert(err == FOAL_OK || err == FOAL_FILE_UNREADABLE);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_corners, the_first_certificate_to_expire_counts)
{
  cast c;
  cast_make(&c);
  foal_ssl_ctx *ctx = ctx_with(c.server, NULL);
  test_cert *later = cert_make(
      &(cert_spec){.name = "later", .rsa = true, .from_days = -1, .for_days = 90});
  int64_t before = foal_ssl_ctx_expires_s(ctx);
  cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, later->pem, later->key_pem), FOAL_OK);
  cr_assert_leq(foal_ssl_ctx_expires_s(ctx), before);
  cr_assert_gt(foal_ssl_ctx_expires_s(ctx), before - 60);
  cert_free(later);
  foal_ssl_ctx_drop(&ctx);
  cast_free(&c);
}

/* ---- names ---- */

Test(ssl_corners, the_map_of_names_is_bounded)
{
  cast c;
  cast_make(&c);
  foal_ssl_ctx *ctx = ctx_with(c.server, NULL), *other = ctx_with(c.client, NULL);
  char name[32];
  for (int i = 0; i < FOAL_SNI_NAMES_MAX; i++) {
    snprintf(name, sizeof name, "h%d.test", i);
    cr_assert_eq(foal_ssl_ctx_sni(ctx, name, other), FOAL_OK);
  }
  expect_detail(ctx, foal_ssl_ctx_sni(ctx, "more.test", other), FOAL_FULL, "more.test");
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "h7.test", other), FOAL_OK, "a replacement fits");
  cr_assert_eq(foal__sni_find(ctx, "h4095.test"), other);
  cr_assert_null(foal__sni_find(ctx, "more.test"));
  cr_assert_null(foal__sni_find(ctx, "localhost"), "one label has no wildcard");
  foal_ssl_ctx_drop(&ctx);
  foal_ssl_ctx_drop(&other);
  cast_free(&c);
}

static bool gives_tickets(pair *p) FOAL_TURN;
static bool gives_tickets(pair *p)
{
  foal_buf *saved;
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY);
  (void)hear(p->client, 0);
  bool gave = foal_ssl_save(p->client, &saved);
  if (gave) foal_buf_drop(&saved);
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
  return gave;
}

/* A ticket from under the lax context would let its bearer into the strict one. */
Test(ssl_corners, contexts_that_want_different_chains_give_no_tickets)
{
  turn_of_test();
  for (int i = 0; i < 3; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx *other = ctx_with(p.cast.server, i == 2 ? p.cast.root : NULL);
    foal_ssl_ctx *both[] = {p.server_ctx, other};
    for (int k = 0; k < 2; k++)
      cr_assert_eq(foal_ssl_ctx_client_cert(both[k], FOAL_CLIENT_CERT_OPTIONAL), FOAL_OK);
    if (i == 1) cr_assert_eq(foal_ssl_ctx_verify_depth(other, 2), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_sni(p.server_ctx, "b.test", other), FOAL_OK);
    cr_assert_eq(gives_tickets(&p), i == 0, "round %d", i);
    foal_ssl_ctx_drop(&other);
    pair_end(&p);
  }
}

Test(ssl_corners, without_a_map_unknown_names_can_be_refused)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_sni_unknown(p.server_ctx, FOAL_SNI_UNKNOWN_REJECT), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  foal_ssl_free(&p.client);
  foal_ssl_free(&p.server);
  pair_begin(&p, "b.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_alert_sent(p.server), 112);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  pair_end(&p);
}

Test(ssl_corners, a_demand_for_alpn_is_met)
{
  static const char *const web[] = {"h2", "http/1.1"};
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web, 2), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web + 1, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_required(p.server_ctx, true), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_required(p.client_ctx, true), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_str_eq(foal_ssl_alpn_selected(p.server), "http/1.1");
  cr_assert_str_eq(foal_ssl_alpn_selected(p.client), "http/1.1");
  pair_end(&p);
}

/* The secrets of a session go where its listener's context says, whichever serves it. */
Test(ssl_corners, a_name_does_not_bring_its_own_key_log)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  char *path = cert_file("", 0600);
  struct stat st;
  foal_ssl_ctx *other = ctx_with(p.cast.server, NULL);
  cr_assert_eq(foal_ssl_ctx_keylog(other, path), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_sni(p.server_ctx, "a.test", other), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  cr_assert_eq(stat(path, &st), 0);
  cr_assert_eq(st.st_size, 0);
  (void)unlink(path);
  free(path);
  foal_ssl_ctx_drop(&other);
  pair_end(&p);
}

/* ---- sessions ---- */

static void close_nothing(void)
{
  turn_of_test();
  foal_ssl_close(NULL);
}

Test(ssl_corners, no_session_is_a_bug_of_the_program)
{
  CHECK_ABORTS(close_nothing, "ssl.c:", "s != NULL", "TLS session");
}

Test(ssl_corners, what_was_agreed_is_known_to_the_end)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  foal_ssl_close(p.client);
  pair_pump(&p);
  (void)hear(p.server, 0);
  foal_ssl_close(p.server);
  pair_pump(&p);
  (void)hear(p.client, 0);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_CLOSED);
  cr_assert_eq(foal_ssl_version(p.client), FOAL_TLS_1_3);
  cr_assert_not_null(foal_ssl_cipher(p.client));
  cr_assert(foal_ssl_peer_verified(p.client));
  pair_end(&p);
}

static foal_err queue_text(foal_ssl *s, const char *text) FOAL_TURN;
static foal_err queue_text(foal_ssl *s, const char *text)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, strlen(text))) return FOAL_NO_MEMORY;
  foal_err err = foal_ssl_queue(s, &b);
  return err;
}

Test(ssl_corners, an_ended_session_takes_nothing)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
  cr_assert_eq(foal_ssl_write_room(p.client), 0);
  cr_assert_eq(queue_text(p.client, "late"), FOAL_BAD_STATE);
  cr_assert_eq(say(p.client, "late"), FOAL_BAD_STATE);
  foal_ssl_seal(p.client);
  cr_assert_not(foal_ssl_can_send(p.client));
  pair_end(&p);
}

Test(ssl_corners, an_empty_write_fits_into_a_full_queue)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_write_bytes(p.client_ctx, 4), FOAL_OK);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(say(p.client, "full"), FOAL_OK);
  cr_assert_eq(foal_ssl_write_room(p.client), 0);
  cr_assert_eq(say(p.client, ""), FOAL_OK);
  cr_assert_eq(say(p.client, "over"), FOAL_FULL);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "full");
  pair_end(&p);
}

/* Sealing ahead is an offer: where it cannot be taken, sending does it. */
Test(ssl_corners, sealing_waits_for_its_time)
{
  enum { LEN = 40000 };
  turn_of_test();
  pair p;
  pair_prepare(&p);
  p.client_ctx->rekey_records = 6;
  pair_begin(&p, "a.test");
  char *text = calloc(1, LEN + 1);
  cr_assert_not_null(text);
  memset(text, 'x', LEN);
  cr_assert_eq(queue_text(p.client, text), FOAL_OK, "before the handshake");
  foal_ssl_seal(p.client);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), LEN);
  pair_pump(&p);
  cr_assert_eq(hear_all(p.server), LEN);
  cr_assert_eq(foal_ssl_key_update(p.client, false), FOAL_OK);
  size_t got = 0;
  for (int round = 0; round < 10; round++) {
    cr_assert_eq(say_bytes(p.client, text, LEN), FOAL_OK);
    foal_ssl_seal(p.client);
    pair_pump(&p);
    got += hear_all(p.server);
  }
  cr_assert_eq(got, (size_t)LEN * 10);
  cr_assert_leq(p.client->records, 6 + 3);
  free(text);
  pair_end(&p);
}

/* Nobody renews keys for the last words. */
Test(ssl_corners, a_closing_session_keeps_its_keys)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  p.client_ctx->rekey_records = 1;
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(say(p.client, "one"), FOAL_OK);
  pair_pump(&p);
  cr_assert_eq(say(p.client, "two"), FOAL_OK);
  foal_ssl_close(p.client);
  pair_pump(&p);
  cr_assert_str_eq(hear(p.server, 0), "onetwo");
  cr_assert_null(hear(p.server, 0));
  cr_assert_eq(foal_ssl_state(p.server), FOAL_SSL_CLOSING);
  pair_end(&p);
}

/* close_notify in place of a handshake: the peer has thought better of it. */
Test(ssl_corners, the_peer_may_leave_during_the_handshake)
{
  static const uint8_t close_notify[] = {21, 3, 3, 0, 2, 1, 0};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_begin(&p, "a.test");
    if (i == 0) {
      cipher_bytes hello = take_cipher(p.client);
      give_cipher(p.server, hello.at, hello.len);
      free(hello.at);
    }
    foal_ssl *waits = i == 0 ? p.server : p.client;
    give_cipher(waits, close_notify, sizeof close_notify);
    cr_expect_eq(foal_ssl_state(waits), FOAL_SSL_ERROR);
    cr_expect_eq(foal_ssl_error(waits), FOAL_TLS_FAILED, "%s", foal_ssl_reason(waits));
    cr_expect_eq(ERR_peek_error(), 0);
    pair_end(&p);
  }
}

Test(ssl_corners, names_of_other_kinds_are_left_out)
{
  char text[200];
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ctx_drop(&p.server_ctx);
  test_cert *odd = cert_make(&(cert_spec){
      .name = "odd", .alt = "DNS:a.test,RID:1.2.3.4,IP:::1", .issuer = p.cast.root});
  p.server_ctx = ctx_with(odd, NULL);
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  (void)foal_ssl_peer_names(p.client, text, sizeof text);
  cr_assert_str_eq(text, "DNS:a.test, IP:::1");
  cert_free(odd);
  pair_end(&p);
}

Test(ssl_corners, sessions_without_a_host_resume_where_names_do_not_count)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    foal_buf *saved;
    pair p;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, i == 0), FOAL_OK);
    pair_begin(&p, NULL);
    pair_pump(&p);
    (void)hear(p.client, 0);
    bool ok = foal_ssl_save(p.client, &saved);
    if (!ok) {
      cr_assert_fail("no ticket");
      return;
    }
    foal_ssl_free(&p.client);
    foal_ssl_free(&p.server);
    p.server = foal_ssl_server(p.server_ctx);
    p.client = foal_ssl_client_resume(p.client_ctx, i == 0 ? NULL : "192.0.2.1", saved);
    foal_buf_drop(&saved);
    pair_pump(&p);
    cr_assert(foal_ssl_resumed(p.client), "round %d", i);
    pair_end(&p);
  }
}
