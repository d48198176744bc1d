/* ssl_refuse_test.c - OpenSSL, the C library and the pool of buffers say no, once, at
 * every call that ssl/ makes of them.
 *
 * Whatever is refused: no crash, no leak (the sanitizer looks), nothing on the error
 * queue, and whoever was refused has a typed error or did not need it. The scenario
 * calls everything once; its outcome may differ, how it ends may not.                  */
#include "aborts.h"
#include "ssl/impl/ctx.h"
#include "ssl_refusals.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <unistd.h>

static const char *const apart[] = {
    "CRYPTO_THREAD_write_lock", "BIO_meth_new",      "BIO_meth_set_read_ex",
    "BIO_meth_set_write_ex",    "BIO_meth_set_ctrl", "CRYPTO_THREAD_run_once",
};

static bool is_swept(const refusable *r)
{
  for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
    if (strcmp(r->name, apart[i]) == 0) return false;
  return true;
}

/* ---- the scenario ---- */

static cast people;
static char *chain_file, *key_file, *root_file, *crl_text, *ticket_file;
static const char ticket_text[] = "of 16 characters"
                                  "and then thirty-two, two times: "
                                  "and then thirty-two, two times: ";

static void open_scenario(void)
{
  cast_make(&people);
  chain_file = cert_file(people.server->chain, 0644);
  key_file = cert_file(people.server->key_pem, 0600);
  root_file = cert_file(people.root->pem, 0644);
  crl_text = cert_crl(people.root, NULL);
  ticket_file = cert_file(ticket_text, 0600);
  (void)setenv("SSL_CERT_FILE", root_file, 1); /* what the system trusts */
  turn_of_test();
}

static void close_scenario(void)
{
  (void)unlink(chain_file);
  (void)unlink(key_file);
  (void)unlink(root_file);
  (void)unlink(ticket_file);
  free(chain_file);
  free(key_file);
  free(root_file);
  free(crl_text);
  free(ticket_file);
  cast_free(&people);
}

TestSuite(ssl_refuse, .init = open_scenario, .fini = close_scenario, .timeout = 170);

typedef foal_err (*setter)(foal_ssl_ctx *ctx);
static const char *const protocols[] = {"h2", "http/1.1"};
static const foal_ticket_key ticket_keys[2] = {{{1}, {2}, {3}}, {{4}, {5}, {6}}};

static foal_err server_cert(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_use_cert(ctx, chain_file, key_file);
}

static foal_err client_cert(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_use_cert_pem(ctx, people.client->chain, people.client->key_pem);
}

static foal_err root_by_file(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_file(ctx, root_file);
}

static foal_err root_by_text(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_pem(ctx, people.root->pem);
}

static foal_err directory(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_trust_dir(ctx, "/");
}

static foal_err revocations(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_crl_pem(ctx, crl_text);
}

static foal_err alpn_of_server(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_alpn_server(ctx, protocols, 2);
}

static foal_err alpn_of_client(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_alpn_client(ctx, protocols, 2);
}

static foal_err both_versions(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_versions(ctx, FOAL_TLS_1_2, FOAL_TLS_1_3);
}

static foal_err demand(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_client_cert(ctx, FOAL_CLIENT_CERT_REQUIRED);
}

static foal_err keys(foal_ssl_ctx *ctx)
{
  foal_err err = foal_ssl_ctx_ticket_key_file(ctx, ticket_file);
  return err != FOAL_OK ? err : foal_ssl_ctx_ticket_keys(ctx, ticket_keys, 2);
}

static foal_err groups(foal_ssl_ctx *ctx)
{
  return foal_ssl_ctx_groups(ctx, "X25519:P-256");
}

static foal_err ciphers(foal_ssl_ctx *ctx)
{
  foal_err err = foal_ssl_ctx_ciphers(ctx, "ECDHE+AESGCM");
  return err != FOAL_OK ? err : foal_ssl_ctx_suites(ctx, "TLS_AES_128_GCM_SHA256");
}

/* Under a.test the server serves with another context of the same rules. */
static foal_err other_name(foal_ssl_ctx *ctx)
{
  foal_ssl_ctx *other = foal_ssl_ctx_new();
  if (other == NULL) return FOAL_NO_MEMORY;
  foal_err err = server_cert(other);
  if (err == FOAL_OK) err = root_by_text(other);
  if (err == FOAL_OK) err = demand(other);
  if (err == FOAL_OK) err = foal_ssl_ctx_sni(ctx, "a.test", other);
  foal_ssl_ctx_drop(&other);
  return err;
}

/* A setter that fails says why and leaves the context as it was: it works afterwards. */
static bool set(foal_ssl_ctx *ctx, setter step)
{
  foal_err err = step(ctx);
  if (err == FOAL_OK) return true;
  cr_assert(err == FOAL_NO_MEMORY || err == FOAL_CRYPTO || err == FOAL_BAD_CIPHERS ||
                err == FOAL_BAD_VERSION || err == FOAL_FILE_UNREADABLE ||
                err == FOAL_CERT_EXPIRED || err == FOAL_BAD_PEM,
            "%s: %s", foal_err_text(err), foal_ssl_ctx_detail(ctx));
  cr_assert_not(foal_ssl_ctx_frozen(ctx));
  err = step(ctx);
  cr_assert_eq(err, FOAL_OK, "the second time: %s", foal_ssl_ctx_detail(ctx));
  return false;
}

static foal_ssl_ctx *context(const setter *steps, bool *refusal)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL) {
    *refusal = true;
    ctx = foal_ssl_ctx_new();
    cr_assert_not_null(ctx);
  }
  for (; *steps != NULL; steps++)
    if (!set(ctx, *steps)) *refusal = true;
  if (foal_ssl_ctx_freeze(ctx) == FOAL_OK) return ctx;
  *refusal = true;
  cr_assert_str_neq(foal_ssl_ctx_detail(ctx), "");
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK);
  return ctx;
}

static void carry(foal_ssl *a, foal_ssl *b) FOAL_TURN;
static void carry(foal_ssl *a, foal_ssl *b)
{
  foal_buf *cipher;
  for (int round = 0; round < 8; round++) {
    while (foal_ssl_send(a, &cipher)) foal_ssl_receive(b, &cipher);
    while (foal_ssl_send(b, &cipher)) foal_ssl_receive(a, &cipher);
  }
}

/* What a ready client can be asked; returns whether anything was refused. */
static bool ask(foal_ssl *client) FOAL_TURN;
static bool ask(foal_ssl *client)
{
  uint8_t print[FOAL_FINGERPRINT_BYTES], secret[16];
  char text[200];
  foal_ssl_exporter what = {"EXPERIMENTAL test", NULL, 0};
  bool ok = foal_ssl_export(client, &what, secret, sizeof secret) == FOAL_OK;
  ok = foal_ssl_peer_fingerprint(client, print) && ok;
  ok = foal_ssl_peer_subject(client, text, sizeof text) > 0 && ok;
  return foal_ssl_peer_names(client, text, sizeof text) > 0 && ok;
}

/* A conversation; with `saved` of an earlier one it resumes. */
static bool talk(foal_ssl *client, foal_ssl *server, foal_buf **saved) FOAL_TURN;
FOAL_TRUSTED static bool talk(foal_ssl *client, foal_ssl *server, foal_buf **saved)
{
  bool ok = true;
  carry(client, server);
  if (foal_ssl_state(client) == FOAL_SSL_READY &&
      foal_ssl_state(server) == FOAL_SSL_READY) {
    (void)hear(client, 0);
    if (*saved == NULL && !foal_ssl_save(client, saved)) *saved = NULL;
    ok = ask(client);
    ok = say(client, "to the") == FOAL_OK && ok;
    ok = say(client, " server") == FOAL_OK && ok;
    ok = foal_ssl_key_update(server, true) == FOAL_OK && ok;
    carry(client, server);
    (void)hear(server, 5);
    (void)hear(server, 0);
    foal_ssl_close(client);
    carry(client, server);
    (void)hear(server, 0);
    foal_ssl_close(server);
    carry(client, server);
    (void)hear(client, 0);
  }
  bool closed = foal_ssl_state(client) == FOAL_SSL_CLOSED &&
                foal_ssl_state(server) == FOAL_SSL_CLOSED;
  bool failed = foal_ssl_error(client) != FOAL_OK || foal_ssl_error(server) != FOAL_OK;
  cr_assert(closed || failed, "neither success nor failure: %d and %d",
            (int)foal_ssl_state(client), (int)foal_ssl_state(server));
  return ok && !failed;
}

static bool converse(foal_ssl_ctx *server_ctx, foal_ssl_ctx *client_ctx) FOAL_TURN;
FOAL_TRUSTED static bool converse(foal_ssl_ctx *server_ctx, foal_ssl_ctx *client_ctx)
{
  foal_buf *saved = NULL;
  bool ok = true;
  for (int round = 0; round < 2; round++) {
    foal_ssl *server = foal_ssl_server(server_ctx);
    foal_ssl *client = saved == NULL
                           ? foal_ssl_client(client_ctx, "a.test")
                           : foal_ssl_client_resume(client_ctx, "a.test", saved);
    ok = client != NULL && server != NULL && talk(client, server, &saved) && ok;
    foal_ssl_free(&client);
    foal_ssl_free(&server);
  }
  ok = ok && saved != NULL;
  if (saved != NULL) foal_buf_drop(&saved);
  return ok;
}

/* Everything once; false: something was refused. */
static bool scenario(void) FOAL_TURN;
static bool scenario(void)
{
  static const setter server_steps[] = {server_cert,    root_by_file, demand, keys,
                                        alpn_of_server, other_name,   groups, ciphers,
                                        both_versions,  NULL};
  static const setter client_steps[] = {client_cert, root_by_text,
                                        revocations, alpn_of_client,
                                        directory,   foal_ssl_ctx_trust_system,
                                        NULL};
  bool refusal = false;
  foal_ssl_ctx *server = context(server_steps, &refusal);
  foal_ssl_ctx *client = context(client_steps, &refusal);
  foal_ssl_ctx *spare = foal_ssl_ctx_new();
  if (spare != NULL) {
    if (foal_ssl_ctx_self_signed(spare, "localhost") == FOAL_OK)
      cr_assert_not_null(foal_ssl_ctx_self_signed_pem(spare));
    else
      refusal = true;
    foal_ssl_ctx_drop(&spare);
  }
  bool ok = converse(server, client);
  foal_ssl_ctx_drop(&client);
  foal_ssl_ctx_drop(&server);
  cr_assert_eq(foal_ssl_live_count(), 0);
  return ok && !refusal;
}

/* ---- everywhere ---- */

Test(ssl_refuse, anything_may_be_refused_once)
{
  unsigned refusals = 0;
  turn_of_test();
  refuse_none();
  cr_assert(scenario(), "it works when nothing is refused");
  for (refusable *r = refusables; r != NULL; r = r->next) {
    refuse_none();
    (void)scenario();
    unsigned calls = r->calls;
    cr_assert(calls > 0 || !is_swept(r), "%s is never called", r->name);
    for (unsigned n = 1; is_swept(r) && n <= calls; n++) {
      refuse_none();
      r->error = EIO;
      refuse_at(r, n, 1);
      refusals += scenario() ? 0 : 1;
      cr_assert_eq(ERR_peek_error(), 0, "%s, call %u", r->name, n);
    }
  }
  cr_assert_gt(refusals, 100);
  refuse_none();
  cr_assert(scenario(), "and it works again afterwards");
}

/* ---- one by one ---- */

Test(ssl_refuse, a_lock_that_fails_is_an_error)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  refuse_next("CRYPTO_THREAD_write_lock", 2, 0);
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_CRYPTO);
  cr_assert_null(foal_ssl_ctx_share(ctx));
  cr_assert_not(foal_ssl_ctx_frozen(ctx));
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_OK);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_refuse, a_context_that_cannot_be_frozen_makes_no_session)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  foal_buf *saved;
  turn_of_test();
  bool ok = foal_buf_from(&saved, "saved", 5);
  if (!ok) {
    cr_assert_fail("out of memory");
    return;
  }
  refuse_next("SSL_CTX_set_num_tickets", 5, 0);
  cr_assert_null(foal_ssl_ctx_share(ctx));
  cr_assert_null(foal_ssl_server(ctx));
  cr_assert_null(foal_ssl_client(ctx, "a.test"));
  cr_assert_null(foal_ssl_client_resume(ctx, "a.test", saved));
  foal_buf_drop(&saved);
  cr_assert_eq(foal_ssl_ctx_freeze(ctx), FOAL_CRYPTO);
  cr_assert_str_neq(foal_ssl_ctx_detail(ctx), "");
  cr_assert_eq(foal_ssl_live_count(), 0);
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_refuse, a_name_that_cannot_be_replaced_keeps_its_context)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new(), *other[2];
  for (int i = 0; i < 2; i++) {
    other[i] = foal_ssl_ctx_new();
    cr_assert_eq(server_cert(other[i]), FOAL_OK);
  }
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "a.test", other[0]), FOAL_OK);
  refuse_next("SSL_CTX_set_num_tickets", 1, 0);
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "a.test", other[1]), FOAL_NO_MEMORY);
  cr_assert_eq(foal__sni_find(ctx, "a.test"), other[0]);
  cr_assert_eq(foal_ssl_ctx_sni(ctx, "a.test", other[1]), FOAL_OK);
  cr_assert_eq(foal__sni_find(ctx, "a.test"), other[1]);
  foal_ssl_ctx_drop(&ctx);
  for (int i = 0; i < 2; i++) foal_ssl_ctx_drop(&other[i]);
}

/* Without memory for a text the reason is that of the error. */
Test(ssl_refuse, a_failure_without_memory_still_has_a_reason)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  (void)hear(p.client, 0);
  refuse_next("CRYPTO_strdup", 1, 0);
  cr_assert_eq(foal_ssl_receive_end(p.client), FOAL_TRUNCATED);
  cr_assert_str_eq(foal_ssl_reason(p.client), foal_err_text(FOAL_TRUNCATED));
  pair_end(&p);
}

Test(ssl_refuse, a_record_that_cannot_be_made_ends_the_session)
{
  turn_of_test();
  for (int i = 0; i < 3; i++) {
    pair p;
    pair_ready(&p);
    if (i == 0) cr_assert_eq(foal_ssl_key_update(p.client, false), FOAL_OK);
    char *text = calloc(1, 40001);
    cr_assert_not_null(text);
    memset(text, 'x', 40000);
    cr_assert_eq(say(p.client, text), FOAL_OK);
    free(text);
    refuse_next("SSL_write_ex", 1, 0);
    if (i == 1) foal_ssl_seal(p.client);
    (void)foal_ssl_can_send(p.client);
    pair_pump(&p);
    cr_assert_eq(foal_ssl_error(p.client), FOAL_TLS_FAILED, "%s",
                 foal_ssl_reason(p.client));
    cr_assert_str_neq(foal_ssl_reason(p.client), "");
    pair_end(&p);
  }
}

/* Sealing ahead is an offer: without memory for it, sending finds some. */
Test(ssl_refuse, sealing_without_memory_is_put_off)
{
  turn_of_test();
  pair p;
  pair_ready(&p);
  pair_send_pattern(&p, 0, 10);
  char *text = calloc(1, 40001);
  cr_assert_not_null(text);
  memset(text, 'x', 40000);
  cr_assert_eq(say(p.client, text), FOAL_OK);
  free(text);
  refuse_next("foal_buf_new", 1, 0);
  foal_ssl_seal(p.client);
  cr_assert_eq(foal_ssl_queued_bytes(p.client), 40000);
  pair_pump(&p);
  cr_assert_eq(hear_all(p.server), 40010);
  pair_end(&p);
}

Test(ssl_refuse, an_interrupted_read_goes_on)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  refuse_next("read", 3, EINTR);
  cr_assert_eq(foal_ssl_ctx_trust_file(ctx, root_file), FOAL_OK);
  refuse_next("read", 1, EIO);
  cr_assert_eq(foal_ssl_ctx_trust_file(ctx, root_file), FOAL_FILE_UNREADABLE);
  cr_assert_not_null(strstr(foal_ssl_ctx_detail(ctx), root_file));
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_refuse, versions_that_openssl_lacks_change_nothing)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  refuse_next("SSL_CTX_ctrl", 1, 0);
  cr_assert_eq(foal_ssl_ctx_versions(ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_BAD_VERSION);
  foal_ssl_ctx_drop(&ctx);
}

/* What is made once in a process cannot be made in this one, where it may be already. */
static const char *in_child;

static void cannot_begin(void)
{
  refuse_next(in_child, 1, 0);
  if (foal_ssl_ctx_new() != NULL) abort();
  foal_ssl_ctx *ctx = foal_ssl_ctx_new(); /* what failed for good stays so */
  foal_ssl_ctx_drop(&ctx);
}

Test(ssl_refuse, without_its_transport_there_is_no_context)
{
  char said[ABORTS_TEXT_BYTES];
  for (size_t i = 1; i < sizeof apart / sizeof apart[0]; i++) {
    in_child = apart[i];
    int status = run_apart(cannot_begin, said);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s", in_child, said);
  }
}
