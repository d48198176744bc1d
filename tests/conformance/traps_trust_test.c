/* traps_trust_test.c - the traps of Pony's changelogs and of its newest code that lie in
 * who is trusted: chains and their depth, constraints, revocation, clients that have to
 * have a certificate, and what a resumed session brings along.                         */
#include "foal_test.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

enum { LINKS = 6, DEPTH_UNSET = 4 };

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void end_sessions(pair *p) FOAL_TURN;
static void shake(pair *p) FOAL_TURN;
static void expect_ready(pair *p) FOAL_TURN;
static void expect_client_refused(pair *p) FOAL_TURN;
static void expect_server_refused(pair *p) FOAL_TURN;
static void expect(pair *p, bool good) FOAL_TURN;

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

static void expect_client_refused(pair *p)
{
  expect_failure(p->client, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  expect_failure(p->server, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
}

/* Under TLS 1.3 the client is ready before it is refused: what it says is not heard. */
static void expect_server_refused(pair *p)
{
  expect_failure(p->server, FOAL_SSL_AUTH_FAIL, FOAL_AUTH_FAILED);
  if (foal_ssl_state(p->client) == FOAL_SSL_READY) {
    cr_expect_eq(say(p->client, "let me in"), FOAL_OK);
    pair_pump(p);
  }
  cr_expect_null(hear(p->server, 0));
  cr_expect_null(hear(p->client, 0));
  expect_failure(p->client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
}

/* A handshake, and then the sessions are gone. */
static void expect(pair *p, bool good)
{
  shake(p);
  if (good)
    expect_ready(p);
  else
    expect_client_refused(p);
  end_sessions(p);
}

static void serve_with(pair *p, const test_cert *own)
{
  foal_ssl_ctx_drop(&p->server_ctx);
  p->server_ctx = ctx_with(own, p->cast.root);
}

static void use_client(pair *p, const test_cert *own)
{
  foal_ssl_ctx_drop(&p->client_ctx);
  p->client_ctx = ctx_with(own, p->cast.root);
}

/* The client verifies by these lists; they are freed. */
static void check_lists(foal_ssl_ctx *ctx, char *first, char *second)
{
  char *crls[] = {first, second};
  for (int i = 0; i < 2; i++) {
    if (crls[i] == NULL) continue;
    cr_assert_eq(foal_ssl_ctx_crl_pem(ctx, crls[i]), FOAL_OK, "%s",
                 foal_ssl_ctx_detail(ctx));
    free(crls[i]);
  }
}

/* ---- chains ---- */

/* leaf[i] is i links away from the root. */
typedef struct chain {
  test_cert *link[LINKS], *leaf[LINKS];
} chain;

static void chain_make(chain *c, const test_cert *root)
{
  const test_cert *issuer = root;
  for (int i = 0; i < LINKS; i++) {
    char name[32];
    snprintf(name, sizeof name, "link %d", i);
    c->leaf[i] = cert_make(&(cert_spec){.alt = "DNS:a.test", .issuer = issuer});
    c->link[i] =
        cert_make(&(cert_spec){.name = name, .authority = true, .issuer = issuer});
    issuer = c->link[i];
  }
}

static void chain_free(chain *c)
{
  for (int i = 0; i < LINKS; i++) {
    cert_free(c->leaf[i]);
    cert_free(c->link[i]);
  }
}

/* 1.10.12: Pony documents a depth of 6 and sets none. */
Test(conf_traps, the_depth_of_servers_is_bounded)
{
  turn_of_test();
  pair p;
  chain c;
  pair_prepare(&p);
  chain_make(&c, p.cast.root);
  for (int set = -1; set < LINKS - 1; set++) {
    int depth = set < 0 ? DEPTH_UNSET : set;
    use_client(&p, NULL);
    if (set >= 0)
      cr_assert_eq(foal_ssl_ctx_verify_depth(p.client_ctx, (unsigned)set), FOAL_OK);
    serve_with(&p, c.leaf[depth]);
    pair_only(&p, both[depth % 2]);
    expect(&p, true);
    serve_with(&p, c.leaf[depth + 1]);
    pair_only(&p, both[depth % 2]);
    expect(&p, false);
  }
  chain_free(&c);
  pair_end(&p);
}

Test(conf_traps, the_depth_of_clients_is_bounded)
{
  turn_of_test();
  pair p;
  chain c;
  pair_prepare(&p);
  chain_make(&c, p.cast.root);
  for (int i = 0; i < 4; i++) {
    int links = i / 2 + 1;
    serve_with(&p, p.cast.server);
    use_client(&p, c.leaf[links]);
    pair_only(&p, both[i % 2]);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_verify_depth(p.server_ctx, 1), FOAL_OK);
    shake(&p);
    if (links == 1)
      expect_ready(&p);
    else
      expect_server_refused(&p);
    end_sessions(&p);
  }
  chain_free(&c);
  pair_end(&p);
}

/* An authority for some names is none for others, whatever host was asked for. */
Test(conf_traps, constraints_on_names_are_kept)
{
  turn_of_test();
  static const char *const rules[] = {
      "critical,permitted;DNS:a.test", "critical,permitted;DNS:b.test",
      "critical,excluded;DNS:a.test", "critical,excluded;DNS:b.test",
      "permitted;DNS:test"};
  static const bool good[] = {true, false, false, true, true};
  pair p;
  pair_prepare(&p);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    test_cert *middle = cert_make(&(cert_spec){.name = "constrained",
                                               .authority = true,
                                               .constraints = rules[i],
                                               .issuer = p.cast.root});
    test_cert *leaf = cert_make(&(cert_spec){.alt = "DNS:a.test", .issuer = middle});
    serve_with(&p, leaf);
    expect(&p, good[i]);
    cert_free(leaf);
    cert_free(middle);
  }
  pair_end(&p);
}

/* ---- revocation ---- */

typedef struct revoked {
  pair p;
  test_cert *middle, *leaf, *twin;
} revoked;

/* root - middle - leaf; the twin has the name of middle and another key. */
static void revoked_prepare(revoked *r)
{
  pair_prepare(&r->p);
  cert_spec middle = {.name = "middle", .authority = true, .issuer = r->p.cast.root};
  r->middle = cert_make(&middle);
  r->twin = cert_make(&middle);
  r->leaf = cert_make(&(cert_spec){.alt = "DNS:a.test", .issuer = r->middle});
  serve_with(&r->p, r->leaf);
}

static void revoked_end(revoked *r) FOAL_TURN;

static void revoked_end(revoked *r)
{
  cert_free(r->middle);
  cert_free(r->twin);
  cert_free(r->leaf);
  pair_end(&r->p);
}

/* Two lists, one of the root and one of middle; NULL: it is missing. They are freed. */
static void expect_lists(revoked *r, char *of_root, char *of_middle, bool good) FOAL_TURN;

static void expect_lists(revoked *r, char *of_root, char *of_middle, bool good)
{
  use_client(&r->p, NULL);
  check_lists(r->p.client_ctx, of_root, of_middle);
  expect(&r->p, good);
}

Test(conf_traps, revocation_is_checked_for_the_whole_chain)
{
  turn_of_test();
  revoked r;
  revoked_prepare(&r);
  const test_cert *root = r.p.cast.root, *middle = r.middle;
  expect_lists(&r, cert_crl(root, NULL), cert_crl(middle, NULL), true);
  expect_lists(&r, cert_crl(root, r.twin), cert_crl(middle, r.p.cast.server), true);
  expect_lists(&r, cert_crl(root, NULL), cert_crl(middle, r.leaf), false);
  expect_lists(&r, cert_crl(root, middle), cert_crl(middle, NULL), false);
  revoked_end(&r);
}

/* Without a list that can be believed today nobody knows, so nobody is let in. */
Test(conf_traps, a_list_must_be_there_in_time_and_genuine)
{
  turn_of_test();
  revoked r;
  revoked_prepare(&r);
  const test_cert *root = r.p.cast.root, *middle = r.middle;
  expect_lists(&r, cert_crl(root, NULL), NULL, false);
  expect_lists(&r, NULL, cert_crl(middle, NULL), false);
  expect_lists(&r, cert_crl(root, NULL), cert_crl_from(middle, NULL, -5), false);
  expect_lists(&r, cert_crl_from(root, NULL, -5), cert_crl(middle, NULL), false);
  expect_lists(&r, cert_crl(root, NULL), cert_crl_from(middle, NULL, 2), false);
  expect_lists(&r, cert_crl(root, NULL), cert_crl(r.twin, NULL), false);
  revoked_end(&r);
}

/* ---- clients ---- */

/* Every way to have no good certificate, under both versions. */
Test(conf_traps, required_client_certificates_are_required)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  test_cert *certs[] = {
      NULL,
      cert_make(&(cert_spec){.name = "stranger"}),
      cert_make(&(cert_spec){.issuer = p.cast.root, .usage = "serverAuth"}),
      cert_make(&(cert_spec){.issuer = p.cast.root, .from_days = -9, .for_days = 3}),
      cert_make(&(cert_spec){.name = "by a leaf", .issuer = p.cast.server}),
      cert_make(&(cert_spec){.name = "good", .issuer = p.cast.root})};
  enum { CERTS = sizeof certs / sizeof *certs };
  for (int i = 0; i < 2 * CERTS; i++) {
    const test_cert *own = certs[i / 2];
    serve_with(&p, p.cast.server);
    pair_only(&p, both[i % 2]);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_REQUIRED),
                 FOAL_OK);
    foal_ssl_ctx_drop(&p.client_ctx);
    p.client_ctx = ctx_with(NULL, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_relax(p.client_ctx, FOAL_RELAX_CERT_EXPIRED), FOAL_OK);
    if (own != NULL)
      cr_assert_eq(foal_ssl_ctx_use_cert_pem(p.client_ctx, own->chain, own->key_pem),
                   FOAL_OK, "%s", foal_ssl_ctx_detail(p.client_ctx));
    shake(&p);
    if (i / 2 == CERTS - 1)
      expect_ready(&p);
    else
      expect_server_refused(&p);
    cr_expect_eq(foal_ssl_peer_verified(p.server), i / 2 == CERTS - 1, "case %d", i / 2);
    end_sessions(&p);
  }
  for (int i = 0; i < CERTS; i++) cert_free(certs[i]);
  pair_end(&p);
}

/* Whoever lets anybody in by mistake forgot the rule, not the authorities. */
Test(conf_traps, trust_alone_asks_no_client)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  serve_with(&p, p.cast.server);
  use_client(&p, p.cast.client);
  shake(&p);
  expect_ready(&p);
  uint8_t print[FOAL_FINGERPRINT_BYTES];
  cr_expect_not(foal_ssl_peer_fingerprint(p.server, print), "it was not asked for");
  cr_expect_not(foal_ssl_peer_verified(p.server));
  pair_end(&p);
}

/* What a name leads to counts as a whole: its authorities, its depth, its lists. */
Test(conf_traps, the_context_of_a_name_decides_who_is_trusted)
{
  turn_of_test();
  pair p;
  chain c;
  pair_prepare(&p);
  chain_make(&c, p.cast.root);
  test_cert *other = cert_make(&(cert_spec){.name = "other root", .authority = true});
  for (int i = 0; i < 8; i++) {
    int kind = i / 2;
    foal_ssl_ctx *named = ctx_with(p.cast.server, kind == 3 ? other : p.cast.root);
    cr_assert_eq(foal_ssl_ctx_client_cert(named, FOAL_CLIENT_CERT_REQUIRED), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_verify_depth(named, kind == 1 ? 0 : 1), FOAL_OK);
    if (kind == 2)
      check_lists(named, cert_crl(p.cast.root, NULL), cert_crl(c.link[0], c.leaf[1]));
    serve_with(&p, p.cast.server);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, FOAL_CLIENT_CERT_OPTIONAL),
                 FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_sni(p.server_ctx, "a.test", named), FOAL_OK);
    pair_only(&p, both[i % 2]);
    use_client(&p, c.leaf[1]);
    shake(&p);
    if (kind == 0)
      expect_ready(&p);
    else
      expect_server_refused(&p);
    end_sessions(&p);
    foal_ssl_ctx_drop(&named);
  }
  cert_free(other);
  chain_free(&c);
  pair_end(&p);
}

/* ---- resumption ---- */

static const foal_ticket_key shared_key = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};

/* A server like all others of its house: the same tickets, clients with certificates. */
static foal_ssl_ctx *house(const pair *p, foal_tls version)
{
  foal_ssl_ctx *ctx = ctx_with(p->cast.server, p->cast.root);
  cr_assert_eq(foal_ssl_ctx_ticket_keys(ctx, &shared_key, 1), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_client_cert(ctx, FOAL_CLIENT_CERT_REQUIRED), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_versions(ctx, version, version), FOAL_OK);
  return ctx;
}

static void resume_at(pair *p, foal_ssl_ctx *next) FOAL_TURN;

/* A session with the present server, and a second one with its ticket at the next. */
static void resume_at(pair *p, foal_ssl_ctx *next)
{
  foal_buf *saved;
  shake(p);
  expect_ready(p);
  (void)hear(p->client, 0);
  bool got = foal_ssl_save(p->client, &saved);
  end_sessions(p);
  if (!got) {
    cr_assert_fail("no ticket");
    return;
  }
  p->server = foal_ssl_server(next);
  p->client = foal_ssl_client_resume(p->client_ctx, "a.test", saved);
  foal_buf_drop(&saved);
  pair_pump(p);
}

/* 1.10.13: without a session id context a client that resumes is refused, for ever. */
Test(conf_traps, mutual_sessions_resume)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    use_client(&p, p.cast.client);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = house(&p, both[i]);
    foal_ssl_ctx *next = house(&p, both[i]);
    for (int k = 0; k < 2; k++) {
      resume_at(&p, k == 0 ? p.server_ctx : next);
      expect_ready(&p);
      cr_expect(foal_ssl_resumed(p.server));
      cr_expect(foal_ssl_resumed(p.client));
      cr_expect(foal_ssl_peer_verified(p.server), "known from the first session");
      cr_expect(foal_ssl_peer_matches(p.server, "client.test"));
      cr_assert_eq(say(p.client, "again"), FOAL_OK);
      pair_pump(&p);
      cr_expect_str_eq(hear(p.server, 0), "again");
      end_sessions(&p);
    }
    foal_ssl_ctx_drop(&next);
    pair_end(&p);
  }
}

/* A ticket is no way round a list that came later, nor round a rule that came later. */
Test(conf_traps, a_ticket_proves_nothing_under_new_rules)
{
  turn_of_test();
  for (int i = 0; i < 4; i++) {
    bool listed = i < 2;
    pair p;
    pair_prepare(&p);
    use_client(&p, listed ? p.cast.client : NULL);
    foal_ssl_ctx_drop(&p.server_ctx);
    p.server_ctx = ctx_with(p.cast.server, p.cast.root);
    cr_assert_eq(foal_ssl_ctx_ticket_keys(p.server_ctx, &shared_key, 1), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_client_cert(p.server_ctx, listed
                                                            ? FOAL_CLIENT_CERT_REQUIRED
                                                            : FOAL_CLIENT_CERT_OPTIONAL),
                 FOAL_OK);
    pair_only(&p, both[i % 2]);
    foal_ssl_ctx *next = house(&p, both[i % 2]);
    if (listed) check_lists(next, cert_crl(p.cast.root, p.cast.client), NULL);
    resume_at(&p, next);
    cr_expect_not(foal_ssl_resumed(p.server));
    expect_server_refused(&p);
    foal_ssl_ctx_drop(&next);
    pair_end(&p);
  }
}
