/* ssl_ticket_test.c - sessions that are resumed, and those that must not be. */
#include "foal_test.h"
#include "runtime/bufq.h"
#include "ssl/impl/ctx.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void end_sessions(pair *p) FOAL_TURN;

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

/* One session, its ticket saved; true when the second one resumed. */
static bool resumes(pair *p, const char *host, const char *again) FOAL_TURN;

static bool resumes(pair *p, const char *host, const char *again)
{
  foal_buf *saved;
  pair_begin(p, host);
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  (void)hear(p->client, 0);
  bool got = foal_ssl_save(p->client, &saved);
  end_sessions(p);
  if (!got) return false;
  p->server = foal_ssl_server(p->server_ctx);
  p->client = foal_ssl_client_resume(p->client_ctx, again, saved);
  foal_buf_drop(&saved);
  pair_pump(p);
  bool resumed = foal_ssl_resumed(p->client);
  cr_expect_eq(resumed, foal_ssl_resumed(p->server));
  return resumed;
}

Test(ssl_ticket, tickets_resume)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    static const char *const web[] = {"h2", "http/1.1"};
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web, 2), FOAL_OK);
    pair_only(&p, both[i]);
    cr_assert(resumes(&p, "a.test", "a.test"));
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    cr_assert(foal_ssl_peer_verified(p.client));
    cr_assert_str_eq(foal_ssl_alpn_selected(p.server), "h2");
    cr_assert_eq(say(p.client, "again"), FOAL_OK);
    pair_pump(&p);
    cr_assert_str_eq(hear(p.server, 0), "again");
    cr_assert_eq(SSL_CTX_sess_number(p.server_ctx->tls), 0, "there is no cache");
    cr_assert_eq(SSL_CTX_sess_number(p.client_ctx->tls), 0);
    pair_end(&p);
  }
}

Test(ssl_ticket, without_tickets_nothing_resumes)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, both[i], both[i]), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_tickets(p.server_ctx, 0), FOAL_OK);
    cr_assert_not(resumes(&p, "a.test", "a.test"));
    end_sessions(&p);
    pair_end(&p);
  }
}

/* A session for another host skips no check. */
Test(ssl_ticket, a_ticket_is_for_one_host)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_not(resumes(&p, "a.test", "b.test"));
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
  pair_end(&p);
}

/* Without server names in the way: the client itself does not resume what was never
 * checked for this address. */
Test(ssl_ticket, a_session_is_no_way_round_the_check_of_names)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    cr_assert_not(resumes(&p, NULL, "192.0.2.1"));
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL);
    pair_end(&p);
  }
}

/* RFC 6066 3, for clients that look at no names: the server compares them. */
Test(ssl_ticket, a_session_is_resumed_under_its_own_name_only)
{
  static const char *const others[] = {"b.test", "A.TEST.", NULL};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
    pair_only(&p, both[i]);
    for (int k = 0; k < 3; k++) {
      bool same = k == 1; /* foal_ssl_client tidies names up */
      cr_expect_eq(resumes(&p, "a.test", others[k]), same, "%d", k);
      cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
      const char *name = foal_ssl_server_name(p.server);
      cr_expect(others[k] == NULL ? name == NULL
                                  : strcmp(name, same ? "a.test" : "b.test") == 0);
      end_sessions(&p);
      cr_expect_not(resumes(&p, others[k] == NULL ? NULL : "b.test", "a.test"));
      end_sessions(&p);
    }
    pair_end(&p);
  }
}

/* The name that is asked for now is the one that the policy looks at. */
Test(ssl_ticket, a_ticket_does_not_excuse_an_unknown_name)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_sni_unknown(p.server_ctx, FOAL_SNI_UNKNOWN_REJECT),
                 FOAL_OK);
    pair_only(&p, both[i]);
    cr_expect_not(resumes(&p, "a.test", "c.test"));
    cr_expect_eq(foal_ssl_alert_sent(p.server), 112);
    expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    pair_end(&p);
  }
}

Test(ssl_ticket, sessions_of_a_mapped_name_resume_under_it)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx *other = ctx_with(p.cast.server, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_sni(p.server_ctx, "*.b.test", other), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_verify_peer(p.client_ctx, false), FOAL_OK);
    pair_only(&p, both[i]);
    cr_expect(resumes(&p, "x.b.test", "x.b.test"));
    cr_expect_str_eq(foal_ssl_server_name(p.server), "x.b.test");
    end_sessions(&p);
    cr_expect_not(resumes(&p, "x.b.test", "y.b.test"));
    end_sessions(&p);
    cr_expect_not(resumes(&p, "x.b.test", "a.test"));
    foal_ssl_ctx_drop(&other);
    pair_end(&p);
  }
}

Test(ssl_ticket, rubbish_instead_of_a_session_is_ignored)
{
  turn_of_test();
  pair p;
  foal_buf *rubbish;
  pair_prepare(&p);
  bool made = foal_buf_from(&rubbish, "rubbish", 7);
  if (!made) return;
  p.server = foal_ssl_server(p.server_ctx);
  p.client = foal_ssl_client_resume(p.client_ctx, "a.test", rubbish);
  foal_buf_drop(&rubbish);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
  pair_end(&p);
}

/* A session of a time without verification does not become a verified one. */
Test(ssl_ticket, an_unverified_session_is_not_resumed_as_verified)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    foal_buf *saved;
    pair_prepare(&p);
    test_cert *self = cert_make(&(cert_spec){.alt = "DNS:a.test"});
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(self, NULL);
    foal_ssl_ctx *lax = ctx_with(NULL, NULL);
    cr_assert_eq(foal_ssl_ctx_verify_peer(lax, false), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_versions(lax, both[i], both[i]), FOAL_OK);
    p.server = foal_ssl_server(p.server_ctx);
    p.client = foal_ssl_client(lax, "a.test");
    pair_pump(&p);
    (void)hear(p.client, 0);
    bool got = foal_ssl_save(p.client, &saved);
    if (!got) {
      cr_assert_fail("no ticket");
      return;
    }
    end_sessions(&p);
    p.server = foal_ssl_server(p.server_ctx);
    p.client = foal_ssl_client_resume(p.client_ctx, "a.test", saved);
    foal_buf_drop(&saved);
    pair_pump(&p);
    cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_AUTH_FAIL, "%s",
                 foal_ssl_reason(p.client));
    foal_ssl_ctx_drop(&lax);
    cert_free(self);
    pair_end(&p);
  }
}

/* New rules ask for a new proof, and get it. */
Test(ssl_ticket, a_session_of_other_rules_is_not_resumed)
{
  turn_of_test();
  foal_buf *saved;
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  bool got = foal_ssl_save(p.client, &saved);
  if (!got) {
    cr_assert_fail("no ticket");
    return;
  }
  end_sessions(&p);
  foal_ssl_ctx *stricter = ctx_with(NULL, p.cast.root);
  cr_assert_eq(foal_ssl_ctx_verify_depth(stricter, 1), FOAL_OK);
  p.server = foal_ssl_server(p.server_ctx);
  p.client = foal_ssl_client_resume(stricter, "a.test", saved);
  foal_buf_drop(&saved);
  pair_pump(&p);
  cr_assert_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s", foal_ssl_reason(p.client));
  cr_assert_not(foal_ssl_resumed(p.client));
  foal_ssl_ctx_drop(&stricter);
  pair_end(&p);
}

/* mTLS and tickets: without a session id context OpenSSL would fail the second
 * handshake. */
Test(ssl_ticket, clients_with_certificates_resume)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    foal_ssl_ctx_drop(&p.server_ctx);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.server_ctx = ctx_with(p.cast.server, p.cast.root);
    p.client_ctx = ctx_with(p.cast.client, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, both[i], both[i]), FOAL_OK);
    cr_assert(resumes(&p, "a.test", "a.test"));
    cr_assert(foal_ssl_peer_verified(p.server));
    cr_assert(foal_ssl_peer_matches(p.server, "client.test"));
    pair_end(&p);
  }
}

static foal_ssl_ctx *host_with(const pair *p, const foal_ticket_key *keys, size_t count,
                               foal_client_cert rule)
{
  foal_ssl_ctx *ctx = ctx_with(p->cast.server, p->cast.root);
  cr_assert_eq(foal_ssl_ctx_ticket_keys(ctx, keys, count), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_client_cert(ctx, rule), FOAL_OK);
  return ctx;
}

/* Hosts that share keys resume each other's sessions; rotated keys are still accepted; a
 * host with another rule for clients, or without the key, starts afresh. */
Test(ssl_ticket, hosts_share_ticket_keys)
{
  turn_of_test();
  static const foal_ticket_key keys[] = {{"first key name.", {1}, {2}},
                                         {"second key name", {3}, {4}}};
  const foal_ticket_key rotated[] = {keys[1], keys[0]};
  for (int i = 0; i < 2; i++) {
    pair p;
    foal_buf *saved;
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, both[i], both[i]), FOAL_OK);
    foal_ssl_ctx *hosts[] = {host_with(&p, keys, 1, FOAL_CLIENT_CERT_OFF),
                             host_with(&p, rotated, 2, FOAL_CLIENT_CERT_OFF),
                             host_with(&p, keys + 1, 1, FOAL_CLIENT_CERT_OFF),
                             host_with(&p, keys, 1, FOAL_CLIENT_CERT_OPTIONAL)};
    static const bool resumed[] = {true, true, false, false};
    p.server = foal_ssl_server(hosts[0]);
    p.client = foal_ssl_client(p.client_ctx, "a.test");
    pair_pump(&p);
    (void)hear(p.client, 0);
    bool got = foal_ssl_save(p.client, &saved);
    if (!got) {
      cr_assert_fail("no ticket");
      return;
    }
    for (int k = 0; k < 4; k++) {
      end_sessions(&p);
      p.server = foal_ssl_server(hosts[k]);
      p.client = foal_ssl_client_resume(p.client_ctx, "a.test", saved);
      pair_pump(&p);
      cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY, "%s",
                   foal_ssl_reason(p.client));
      cr_expect_eq(foal_ssl_resumed(p.client), resumed[k], "host %d", k);
    }
    foal_buf_drop(&saved);
    end_sessions(&p);
    for (int k = 0; k < 4; k++) foal_ssl_ctx_drop(&hosts[k]);
    pair_end(&p);
  }
}

/* Connects with the session and puts the one that is there afterwards in its place; true
 * when it was resumed and, where sessions are to be used once (RFC 8446 C.4), the new one
 * is another. */
static bool resumes_and_renews(pair *p, foal_slot *kept, foal_tls version) FOAL_TURN;

static bool resumes_and_renews(pair *p, foal_slot *kept, foal_tls version)
{
  foal_buf *session, *next;
  if (!foal_slot_take(kept, &session)) return false;
  p->server = foal_ssl_server(p->server_ctx);
  p->client = foal_ssl_client_resume(p->client_ctx, "a.test", session);
  pair_pump(p);
  (void)hear(p->client, 0);
  bool resumed = foal_ssl_resumed(p->client), good = false;
  if (foal_ssl_save(p->client, &next)) {
    size_t len = foal_buf_len(next);
    bool same = len == foal_buf_len(session) &&
                memcmp(foal_buf_data(next), foal_buf_data(session), len) == 0;
    good = resumed && (!same || version < FOAL_TLS_1_3);
    foal_slot_put(kept, &next);
  }
  foal_buf_drop(&session);
  end_sessions(p);
  return good;
}

/* The session of a first, full handshake. */
static bool first_session(pair *p, foal_slot *kept) FOAL_TURN;

static bool first_session(pair *p, foal_slot *kept)
{
  foal_buf *session;
  pair_begin(p, "a.test");
  pair_pump(p);
  (void)hear(p->client, 0);
  bool got = foal_ssl_save(p->client, &session);
  if (got) foal_slot_put(kept, &session);
  end_sessions(p);
  return got;
}

/* Whoever uses each session once is given a new one each time. */
Test(ssl_ticket, ten_resumptions_in_a_row_stay_resumptions)
{
  turn_of_test();
  static const foal_ticket_key key = {"the key's name.", {5}, {6}};
  for (int i = 0; i < 8; i++) {
    pair p;
    foal_slot kept = {0};
    pair_prepare(&p);
    cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, both[i % 2], both[i % 2]), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_tickets(p.server_ctx, (unsigned)(1 + i / 2 % 2)), FOAL_OK);
    if (i >= 4) cr_assert_eq(foal_ssl_ctx_ticket_keys(p.server_ctx, &key, 1), FOAL_OK);
    cr_assert(first_session(&p, &kept));
    for (int n = 1; n <= 10; n++)
      cr_expect(resumes_and_renews(&p, &kept, both[i % 2]), "case %d, number %d", i, n);
    foal_slot_clear(&kept);
    pair_end(&p);
  }
}

/* A file of keys; its path is to be freed with free. The keys have no zero bytes. */
static char *key_file(const char *keys, size_t len, unsigned mode)
{
  char text[FOAL_TICKET_KEYS_MAX * sizeof(foal_ticket_key) + 81];
  cr_assert_lt(len, sizeof text);
  memcpy(text, keys, len);
  text[len] = '\0';
  return cert_file(text, mode);
}

static void gone(char *path)
{
  (void)unlink(path);
  free(path);
}

/* Different at every byte of the first keys, none of them zero. */
static void fill_keys(char *keys, size_t len)
{
  for (size_t i = 0; i < len; i++) keys[i] = (char)(1 + i % 251);
}

Test(ssl_ticket, a_file_has_one_to_eight_keys)
{
  enum { KEY = sizeof(foal_ticket_key) };
  char keys[FOAL_TICKET_KEYS_MAX * KEY + 80];
  fill_keys(keys, sizeof keys);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  for (size_t count = 1; count <= FOAL_TICKET_KEYS_MAX; count++) {
    char *path = key_file(keys, count * KEY, 0600);
    cr_assert_eq(foal_ssl_ctx_ticket_key_file(ctx, path), FOAL_OK, "%s",
                 foal_ssl_ctx_detail(ctx));
    cr_assert_eq(ctx->ticket_key_count, count);
    cr_assert_eq(memcmp(ctx->ticket_keys, keys, count * KEY), 0);
    gone(path);
  }
  cr_assert_eq(memcmp(ctx->ticket_keys[1].name, keys + 80, 16), 0);
  cr_assert_eq(memcmp(ctx->ticket_keys[1].mac, keys + 96, 32), 0, "the MAC comes first");
  cr_assert_eq(memcmp(ctx->ticket_keys[1].cipher, keys + 128, 32), 0);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_ticket, a_bad_key_file_changes_nothing)
{
  static const size_t wrong[] = {0, 1, 48, 79, 81, 159, 641, 720};
  char keys[FOAL_TICKET_KEYS_MAX * sizeof(foal_ticket_key) + 80];
  fill_keys(keys, sizeof keys);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_ticket_keys(ctx, &(foal_ticket_key){"old", {1}, {2}}, 1),
               FOAL_OK);
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    char *path = key_file(keys, wrong[i], 0600);
    cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, path), FOAL_BAD_ARGUMENT, "%zu bytes",
                 wrong[i]);
    cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), path));
    cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), "1 to 8 ticket keys of 80"));
    gone(path);
  }
  char *path = key_file(keys, 80, 0644);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, path), FOAL_KEY_EXPOSED);
  cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), "chmod 600"));
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, "/nowhere/keys"), FOAL_FILE_UNREADABLE);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, "/dev/zero"), FOAL_FILE_UNREADABLE);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, NULL), FOAL_FILE_UNREADABLE);
  cr_expect_not_null(strstr(foal_ssl_ctx_detail(ctx), "a key file"));
  cr_assert_eq(ctx->ticket_key_count, 1);
  cr_assert_str_eq((const char *)ctx->ticket_keys[0].name, "old");
  cr_assert_eq(foal_ssl_ctx_relax(ctx, FOAL_RELAX_KEY_MODE), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, path), FOAL_OK);
  cr_expect_eq(ctx->ticket_key_count, 1);
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_ticket_key_file(ctx, path), FOAL_FROZEN);
  gone(path);
  foal_ssl_ctx_drop(&ctx);
}

/* OpenSSL's copy of a session that was resumed with another group has no ticket. */
Test(ssl_ticket, what_is_saved_has_a_ticket)
{
  turn_of_test();
  static const foal_ticket_key key = {"first key name.", {1}, {2}};
  pair p;
  foal_buf *saved, *again;
  pair_prepare(&p);
  foal_ssl_ctx *hosts[] = {host_with(&p, &key, 1, FOAL_CLIENT_CERT_OFF),
                           host_with(&p, &key, 1, FOAL_CLIENT_CERT_OFF)};
  cr_assert_eq(foal_ssl_ctx_groups(hosts[0], "X25519"), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_groups(hosts[1], "P-256"), FOAL_OK);
  p.server = foal_ssl_server(hosts[0]);
  p.client = foal_ssl_client(p.client_ctx, "a.test");
  pair_pump(&p);
  (void)hear(p.client, 0);
  if (!foal_ssl_save(p.client, &saved)) {
    cr_assert_fail("no ticket");
    return;
  }
  end_sessions(&p);
  p.server = foal_ssl_server(hosts[1]);
  p.client = foal_ssl_client_resume(p.client_ctx, "a.test", saved);
  pair_pump(&p);
  (void)hear(p.client, 0);
  cr_assert(foal_ssl_resumed(p.client));
  foal_buf_drop(&saved);
  if (foal_ssl_save(p.client, &again)) { /* or the old one would be kept */
    end_sessions(&p);
    p.server = foal_ssl_server(hosts[1]);
    p.client = foal_ssl_client_resume(p.client_ctx, "a.test", again);
    pair_pump(&p);
    cr_expect(foal_ssl_resumed(p.client));
    foal_buf_drop(&again);
  }
  end_sessions(&p);
  for (int k = 0; k < 2; k++) foal_ssl_ctx_drop(&hosts[k]);
  pair_end(&p);
}
