/* ctx_test.c - Pony's rows of SSLContext.
 *
 * Pony disposes of a context while others hold it, so that all of its functions have a
 * rule for "after dispose". Ours is a counted val: a handle that was dropped is NULL, and
 * as long as anybody holds the context it works. The nearest rule that can be broken is
 * that of a context in use: frozen, it refuses every setter and stays as it was. The rows
 * named after_dispose hold it to that, and to outliving the handle.                    */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "tls/pair.h"
#include "unit/aborts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const web[] = {"h2", "http/1.1"};

static void shake(pair *p) FOAL_TURN;
static void drop_contexts(pair *p) FOAL_TURN;
static void expect_agreed(pair *p, foal_tls version) FOAL_TURN;
static void expect_range(pair *p, foal_tls min, foal_tls max) FOAL_TURN;
static void end_sessions(pair *p) FOAL_TURN;

static void shake(pair *p)
{
  pair_begin(p, "a.test");
  pair_pump(p);
}

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

/* What dispose is to Pony: nobody but the sessions holds the contexts any more. */
static void drop_contexts(pair *p)
{
  foal_ssl_ctx_drop(&p->server_ctx);
  foal_ssl_ctx_drop(&p->client_ctx);
  cr_assert_null(p->server_ctx);
  cr_assert_null(p->client_ctx);
}

static void expect_agreed(pair *p, foal_tls version)
{
  cr_expect_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  cr_expect_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
  cr_expect_eq(foal_ssl_version(p->client), (int)version);
}

/* The server's context speaks exactly these, as clients with one version each see it. */
static void expect_range(pair *p, foal_tls min, foal_tls max)
{
  static const foal_tls each[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
  for (int i = 0; i < 2; i++) {
    bool spoken = each[i] >= min && each[i] <= max;
    foal_ssl_ctx_drop(&p->client_ctx);
    p->client_ctx = ctx_with(NULL, p->cast.root);
    cr_assert_eq(foal_ssl_ctx_versions(p->client_ctx, each[i], each[i]), FOAL_OK);
    shake(p);
    if (spoken)
      expect_agreed(p, each[i]);
    else
      expect_failure(p->server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    end_sessions(p);
  }
}

Test(conf_ctx, SSLContext_dispose_twice)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  foal_ssl_ctx *other = foal_ssl_ctx_share(p.server_ctx);
  foal_ssl_ctx_drop(&p.server_ctx);
  cr_expect_null(p.server_ctx);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = other;
  shake(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_alpn_set_resolver_after_dispose)
{
  turn_of_test();
  static const char *const late[] = {"http/1.1"};
  pair p;
  pair_prepare(&p);
  cr_expect_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web, 2), FOAL_OK, "live");
  cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
  pair_begin(&p, "a.test");
  cr_expect_eq(foal_ssl_ctx_alpn_server(p.server_ctx, late, 1), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_alpn_required(p.server_ctx, true), FOAL_FROZEN);
  drop_contexts(&p);
  pair_pump(&p);
  cr_expect_str_eq(foal_ssl_alpn_selected(p.client), "h2", "the first list stays");
  pair_end(&p);
}

Test(conf_ctx, SSLContext_alpn_set_client_protocols_after_dispose)
{
  turn_of_test();
  static const char *const late[] = {"http/1.1"};
  pair p;
  pair_prepare(&p);
  cr_expect_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK, "live");
  cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web, 2), FOAL_OK);
  pair_begin(&p, "a.test");
  cr_expect_eq(foal_ssl_ctx_alpn_client(p.client_ctx, late, 1), FOAL_FROZEN);
  drop_contexts(&p);
  pair_pump(&p);
  cr_expect_str_eq(foal_ssl_alpn_selected(p.server), "h2", "the first list stays");
  pair_end(&p);
}

/* Ours: one call sets both ends of the range, and none of them is automatic. */
Test(conf_ctx, SSLContext_set_min_proto_version_inverted_range)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK,
               "equal is fine");
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_2),
               FOAL_BAD_VERSION, "a minimum above the maximum");
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, (foal_tls)0, FOAL_TLS_1_2),
               FOAL_BAD_VERSION, "no automatic minimum");
  expect_range(&p, FOAL_TLS_1_2, FOAL_TLS_1_2);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_max_proto_version_inverted_range)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK,
               "equal is fine");
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_2),
               FOAL_BAD_VERSION, "a maximum below the minimum");
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, (foal_tls)0),
               FOAL_BAD_VERSION, "no automatic maximum");
  expect_range(&p, FOAL_TLS_1_3, FOAL_TLS_1_3);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_min_proto_version_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_freeze(p.server_ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3),
               FOAL_FROZEN);
  expect_range(&p, FOAL_TLS_1_2, FOAL_TLS_1_3);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_max_proto_version_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_freeze(p.server_ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2),
               FOAL_FROZEN);
  expect_range(&p, FOAL_TLS_1_2, FOAL_TLS_1_3);
  pair_end(&p);
}

/* Ours: a dropped handle is NULL, so there is nobody to ask; the bound outlives the last
 * handle, and a session tells what was agreed. */
Test(conf_ctx, SSLContext_get_min_proto_version_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_min_version(p.server_ctx), FOAL_TLS_1_3, "live");
  pair_begin(&p, "a.test");
  drop_contexts(&p);
  pair_pump(&p);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  cr_expect_eq(foal_ssl_alert_received(p.client), 70);
  cr_expect_eq(foal_ssl_version(p.client), 0, "nothing was agreed");
  pair_end(&p);
}

Test(conf_ctx, SSLContext_get_max_proto_version_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_max_version(p.server_ctx), FOAL_TLS_1_2, "live");
  pair_begin(&p, "a.test");
  drop_contexts(&p);
  pair_pump(&p);
  expect_agreed(&p, FOAL_TLS_1_2);
  foal_ssl_dispose(p.client);
  cr_expect_eq(foal_ssl_version(p.client), 0, "a disposed session has none");
  pair_end(&p);
}

/* What can be asked of a frozen context can be asked through every handle. */
Test(conf_ctx, SSLContext_get_min_proto_version_on_val_receiver)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_min_version(p.client_ctx), FOAL_TLS_1_2, "not set");
  foal_ssl_ctx *val = foal_ssl_ctx_share(p.server_ctx);
  cr_expect(foal_ssl_ctx_frozen(val));
  cr_expect_eq(foal_ssl_ctx_min_version(val), FOAL_TLS_1_3);
  cr_expect(foal_ssl_ctx_can_serve(val));
  cr_expect_gt(foal_ssl_ctx_expires_s(val), 0);
  cr_expect_str_eq(foal_ssl_ctx_detail(val), "");
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = val;
  expect_range(&p, FOAL_TLS_1_3, FOAL_TLS_1_3);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_get_max_proto_version_on_val_receiver)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_max_version(p.client_ctx), FOAL_TLS_1_3, "not set");
  foal_ssl_ctx *val = foal_ssl_ctx_share(p.server_ctx);
  cr_expect(foal_ssl_ctx_frozen(val));
  cr_expect_eq(foal_ssl_ctx_max_version(val), FOAL_TLS_1_2);
  cr_expect_null(foal_ssl_ctx_self_signed_pem(val));
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = val;
  expect_range(&p, FOAL_TLS_1_2, FOAL_TLS_1_2);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_authority_root_certs_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  char *path = cert_file(p.cast.root->pem, 0644);
  cr_assert_eq(setenv("SSL_CERT_FILE", path, 1), 0);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, NULL);
  cr_expect_eq(foal_ssl_ctx_trust_system(p.client_ctx), FOAL_OK, "live");
  shake(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  cr_expect_eq(foal_ssl_ctx_trust_system(p.client_ctx), FOAL_FROZEN);
  (void)unlink(path);
  free(path);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_authority_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  char *path = cert_file(p.cast.root->pem, 0644);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, NULL);
  cr_assert_eq(foal_ssl_ctx_freeze(p.client_ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_trust_file(p.client_ctx, path), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_pem(p.client_ctx, p.cast.root->pem), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_trust_dir(p.client_ctx, "/"), FOAL_FROZEN);
  shake(&p);
  expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  end_sessions(&p);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, NULL);
  cr_expect_eq(foal_ssl_ctx_trust_file(p.client_ctx, path), FOAL_OK, "live");
  shake(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  (void)unlink(path);
  free(path);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_cert_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  char *cert = cert_file(p.cast.server->chain, 0644);
  char *key = cert_file(p.cast.server->key_pem, 0600);
  foal_ssl_ctx *bare = foal_ssl_ctx_new(), *live = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_freeze(bare), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_use_cert(bare, cert, key), FOAL_FROZEN);
  cr_expect_eq(
      foal_ssl_ctx_use_cert_pem(bare, p.cast.server->chain, p.cast.server->key_pem),
      FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_self_signed(bare, "a.test"), FOAL_FROZEN);
  cr_expect_not(foal_ssl_ctx_can_serve(bare));
  cr_expect_eq(foal_ssl_ctx_use_cert(live, cert, key), FOAL_OK, "live");
  cr_expect(foal_ssl_ctx_can_serve(live));
  foal_ssl_ctx_drop(&bare);
  foal_ssl_ctx_drop(&live);
  (void)unlink(cert);
  (void)unlink(key);
  free(cert);
  free(key);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_set_ciphers_after_dispose)
{
  turn_of_test();
  static const char wanted[] = "ECDHE-ECDSA-AES256-GCM-SHA384";
  pair p;
  pair_prepare(&p);
  pair_only(&p, FOAL_TLS_1_2);
  cr_expect_eq(foal_ssl_ctx_ciphers(p.server_ctx, wanted), FOAL_OK, "live");
  cr_assert_eq(foal_ssl_ctx_freeze(p.server_ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_ciphers(p.server_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256"),
               FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_suites(p.server_ctx, "TLS_AES_128_GCM_SHA256"), FOAL_FROZEN);
  cr_expect_eq(foal_ssl_ctx_groups(p.server_ctx, "P-256"), FOAL_FROZEN);
  shake(&p);
  cr_expect_str_eq(foal_ssl_cipher(p.client), "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
  pair_end(&p);
}

/* The same certificate passes with the depth that comes too late for the first client. */
Test(conf_ctx, SSLContext_set_verify_depth_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  test_cert *middle =
      cert_make(&(cert_spec){.name = "middle", .authority = true, .issuer = p.cast.root});
  test_cert *leaf = cert_make(&(cert_spec){.alt = "DNS:a.test", .issuer = middle});
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(leaf, NULL);
  cr_expect_eq(foal_ssl_ctx_verify_depth(p.client_ctx, 0), FOAL_OK, "live");
  cr_assert_eq(foal_ssl_ctx_freeze(p.client_ctx), FOAL_OK);
  cr_expect_eq(foal_ssl_ctx_verify_depth(p.client_ctx, 1), FOAL_FROZEN);
  shake(&p);
  expect_failure(p.client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  end_sessions(&p);
  foal_ssl_ctx_drop(&p.client_ctx);
  p.client_ctx = ctx_with(NULL, p.cast.root);
  cr_assert_eq(foal_ssl_ctx_verify_depth(p.client_ctx, 1), FOAL_OK);
  shake(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  cert_free(leaf);
  cert_free(middle);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_allow_tls_after_dispose)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_freeze(p.server_ctx), FOAL_OK);
  for (int version = 0x0300; version <= 0x0304; version++)
    cr_expect_eq(
        foal_ssl_ctx_versions(p.server_ctx, (foal_tls)version, (foal_tls)version),
        FOAL_FROZEN, "0x%04x", (unsigned)version);
  expect_range(&p, FOAL_TLS_1_2, FOAL_TLS_1_3);
  pair_end(&p);
}

/* Ours: a range instead of switches, so that "no version at all" cannot be set. The one
 * version that a peer has can be left out and let in again; those before 1.2 cannot. */
Test(conf_ctx, SSLContext_allow_tls_v1_2)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2), FOAL_OK);
  shake(&p);
  expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
  expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
  end_sessions(&p);
  foal_ssl_ctx_drop(&p.server_ctx);
  p.server_ctx = ctx_with(p.cast.server, NULL);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_3, FOAL_TLS_1_3), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_versions(p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_3), FOAL_OK);
  for (int old = 0x0300; old < FOAL_TLS_1_2; old++)
    cr_expect_eq(foal_ssl_ctx_versions(p.server_ctx, (foal_tls)old, FOAL_TLS_1_3),
                 FOAL_BAD_VERSION);
  shake(&p);
  expect_agreed(&p, FOAL_TLS_1_2);
  pair_end(&p);
}

static void make_client_of_nothing(void)
{
  turn_of_test();
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  foal_ssl_ctx_drop(&ctx);
  foal_ssl *s = foal_ssl_client(ctx, "a.test");
  foal_ssl_free(&s);
}

static void make_server_of_nothing(void)
{
  turn_of_test();
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  foal_ssl_ctx_drop(&ctx);
  foal_ssl *s = foal_ssl_server(ctx);
  foal_ssl_free(&s);
}

/* Ours: a dropped handle is NULL, and a session of NULL a bug of the program: it ends. A
 * session that was made before goes on. */
Test(conf_ctx, SSLContext_client_after_dispose)
{
  turn_of_test();
  pair p;
  CHECK_ABORTS(make_client_of_nothing, "ctx != NULL");
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  foal_ssl_ctx_drop(&p.client_ctx);
  pair_pump(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  pair_end(&p);
}

Test(conf_ctx, SSLContext_server_after_dispose)
{
  turn_of_test();
  pair p;
  CHECK_ABORTS(make_server_of_nothing, "ctx != NULL");
  pair_prepare(&p);
  pair_begin(&p, "a.test");
  foal_ssl_ctx_drop(&p.server_ctx);
  pair_pump(&p);
  expect_agreed(&p, FOAL_TLS_1_3);
  pair_end(&p);
}
