/* ssl_hello_test.c - what a client's first words decide on a server: names of any shape,
 * the whole context that a name leads to, and that a second hello does not change it.  */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "ssl/impl/session.h"
#include "tls/pair.h"

#include <stdlib.h>
#include <string.h>

enum { HELLO_BYTES = 4096, RANDOM_END = 5 + 4 + 2 + 32 };

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};

static void end_sessions(pair *p) FOAL_TURN;

static void end_sessions(pair *p)
{
  foal_ssl_free(&p->client);
  foal_ssl_free(&p->server);
}

static void must(foal_err err)
{
  cr_assert_eq(err, FOAL_OK, "%s", foal_err_name(err));
}

/* "a.test" is the server's own, "b.test" leads to `other`, with the same key type. */
typedef struct house {
  pair p;
  test_cert *b;
  foal_ssl_ctx *other;
} house;

static void house_prepare(house *h)
{
  pair_prepare(&h->p);
  h->b =
      cert_make(&(cert_spec){.name = "b", .alt = "DNS:b.test", .issuer = h->p.cast.root});
  h->other = ctx_with(h->b, NULL);
}

static void house_end(house *h) FOAL_TURN;

static void house_end(house *h)
{
  foal_ssl_ctx_drop(&h->other);
  cert_free(h->b);
  pair_end(&h->p);
}

static void shake(house *h, const char *host) FOAL_TURN;

static void shake(house *h, const char *host)
{
  pair_begin(&h->p, host);
  pair_pump(&h->p);
  cr_assert_eq(foal_ssl_state(h->p.client), FOAL_SSL_READY, "%s: %s",
               foal_ssl_reason(h->p.client), foal_ssl_reason(h->p.server));
  cr_assert_eq(foal_ssl_state(h->p.server), FOAL_SSL_READY);
  cr_assert_str_eq(foal_ssl_server_name(h->p.server), host);
}

/* ---- the whole context ---- */

/* The client's key share is for a group that the servers do not have, or is not. */
static void retry_or_not(house *h, bool retry)
{
  must(foal_ssl_ctx_groups(h->p.client_ctx, retry ? "P-384:X25519" : "X25519:P-384"));
  must(foal_ssl_ctx_groups(h->p.server_ctx, "X25519"));
  must(foal_ssl_ctx_groups(h->other, "X25519"));
}

Test(ssl_hello, the_chosen_context_brings_its_suites)
{
  static const char *const lists[][2] = {
      {"TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
      {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
       "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"}};
  static const char *const expected[] = {"TLS_CHACHA20_POLY1305_SHA256",
                                         "TLS_AES_256_GCM_SHA384"};
  turn_of_test();
  for (int i = 0; i < 4; i++) {
    house h;
    house_prepare(&h);
    retry_or_not(&h, i >= 2);
    must(foal_ssl_ctx_suites(h.p.server_ctx, lists[i % 2][0]));
    must(foal_ssl_ctx_suites(h.other, lists[i % 2][1]));
    must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
    shake(&h, "a.test");
    cr_expect_str_eq(foal_ssl_cipher(h.p.server), "TLS_AES_128_GCM_SHA256");
    end_sessions(&h.p);
    shake(&h, "b.test");
    cr_expect_str_eq(foal_ssl_cipher(h.p.server), expected[i % 2], "round %d: %s", i,
                     foal_ssl_cipher(h.p.server));
    house_end(&h);
  }
}

Test(ssl_hello, the_chosen_context_brings_its_ciphers)
{
  turn_of_test();
  house h;
  house_prepare(&h);
  must(foal_ssl_ctx_versions(h.p.server_ctx, FOAL_TLS_1_2, FOAL_TLS_1_2));
  must(foal_ssl_ctx_ciphers(h.p.server_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256"));
  must(foal_ssl_ctx_ciphers(h.other, "ECDHE-ECDSA-CHACHA20-POLY1305"));
  must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
  shake(&h, "a.test");
  cr_expect_str_eq(foal_ssl_cipher(h.p.server),
                   "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  end_sessions(&h.p);
  shake(&h, "b.test");
  cr_expect_str_eq(foal_ssl_cipher(h.p.server),
                   "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
  house_end(&h);
}

/* Set on either context or left as they are, and with what a retry under TLS 1.3 needs:
 * the client's key share is always for X25519. P-256 is the group of the certificates. */
Test(ssl_hello, the_chosen_context_brings_its_groups)
{
  static const char *const lists[][2] = {
      {"X25519:P-256", "P-384:P-256"}, {NULL, "P-384:P-256"}, {"P-384:P-256", NULL}};
  static const int expected[][2] = {{NID_X25519, NID_secp384r1},
                                    {NID_X25519, NID_secp384r1},
                                    {NID_secp384r1, NID_X25519}};
  turn_of_test();
  for (int i = 0; i < 6; i++) {
    house h;
    house_prepare(&h);
    if (lists[i / 2][0] != NULL)
      must(foal_ssl_ctx_groups(h.p.server_ctx, lists[i / 2][0]));
    if (lists[i / 2][1] != NULL) must(foal_ssl_ctx_groups(h.other, lists[i / 2][1]));
    must(foal_ssl_ctx_versions(h.p.server_ctx, both[i % 2], both[i % 2]));
    must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
    shake(&h, "a.test");
    cr_expect_eq(SSL_get_negotiated_group(h.p.client->tls), expected[i / 2][0], "%d", i);
    end_sessions(&h.p);
    shake(&h, "b.test");
    cr_expect_eq(SSL_get_negotiated_group(h.p.client->tls), expected[i / 2][1], "%d", i);
    house_end(&h);
  }
}

Test(ssl_hello, versions_stay_those_of_the_listener)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    house h;
    house_prepare(&h);
    must(foal_ssl_ctx_versions(h.p.server_ctx, both[i], both[i]));
    must(foal_ssl_ctx_versions(h.other, both[1 - i], both[1 - i]));
    must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
    shake(&h, "b.test");
    cr_expect_eq(foal_ssl_version(h.p.server), (int)both[i]);
    house_end(&h);
  }
}

/* Either context can demand ALPN. */
Test(ssl_hello, the_chosen_context_can_demand_alpn)
{
  static const char *const web[] = {"h2", "http/1.1"};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    house h;
    house_prepare(&h);
    must(foal_ssl_ctx_alpn_server(h.p.server_ctx, web, 2));
    must(foal_ssl_ctx_alpn_required(i == 0 ? h.other : h.p.server_ctx, true));
    must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
    pair_begin(&h.p, "b.test");
    pair_pump(&h.p);
    cr_expect_eq(foal_ssl_alert_sent(h.p.server), 120);
    expect_failure(h.p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
    house_end(&h);
  }
}

/* ---- the second hello ---- */

static void replace_all(cipher_bytes *in, const char *from, const char *to)
{
  size_t len = strlen(from), found = 0;
  for (size_t at = 0; at + len <= in->len; at++) {
    if (memcmp(in->at + at, from, len) != 0) continue;
    memcpy(in->at + at, to, len);
    found++;
  }
  cr_assert_eq(found, 1);
}

/* RFC 8446 4.1.2; a name of another context there, from the map to the listener's own or
 * the other way round, would be served with half of each. */
Test(ssl_hello, a_second_hello_leads_to_the_same_context)
{
  static const char *const names[] = {"a.test", "b.test"};
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    house h;
    house_prepare(&h);
    retry_or_not(&h, true);
    must(foal_ssl_ctx_sni(h.p.server_ctx, "b.test", h.other));
    pair_begin(&h.p, names[i]);
    cipher_bytes first = take_cipher(h.p.client);
    give_cipher(h.p.server, first.at, first.len);
    cipher_bytes retry = take_cipher(h.p.server);
    give_cipher(h.p.client, retry.at, retry.len);
    cipher_bytes second = take_cipher(h.p.client);
    replace_all(&second, names[i], names[1 - i]);
    give_cipher(h.p.server, second.at, second.len);
    cr_expect_eq(foal_ssl_alert_sent(h.p.server), SSL_AD_ILLEGAL_PARAMETER, "%s",
                 foal_ssl_reason(h.p.server));
    expect_failure(h.p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    free(first.at);
    free(retry.at);
    free(second.at);
    house_end(&h);
  }
}

/* ---- names of any shape ---- */

typedef struct hello {
  uint8_t at[HELLO_BYTES];
  size_t len;
} hello;

static void grow_field(uint8_t *at, size_t by)
{
  size_t len = ((size_t)at[0] << 8 | at[1]) + by;
  at[0] = (uint8_t)(len >> 8);
  at[1] = (uint8_t)len;
}

/* A hello without a name, and in front of its extensions one of these bytes. */
static void hello_make(hello *made, const foal_ssl_ctx *ctx, const uint8_t *name,
                       size_t len) FOAL_TURN;

static void hello_make(hello *made, const foal_ssl_ctx *ctx, const uint8_t *name,
                       size_t len)
{
  foal_ssl *client = foal_ssl_client(ctx, NULL);
  cipher_bytes plain = take_cipher(client);
  foal_ssl_free(&client);
  cr_assert(plain.len > RANDOM_END && plain.len + len + 4 <= HELLO_BYTES);
  size_t at = RANDOM_END + 1 + (size_t)plain.at[RANDOM_END];
  at += 2 + ((size_t)plain.at[at] << 8 | plain.at[at + 1]);
  at += 1 + (size_t)plain.at[at];
  grow_field(plain.at + 3, len + 4); /* record, message, all extensions */
  grow_field(plain.at + 7, len + 4);
  grow_field(plain.at + at, len + 4);
  at += 2;
  const uint8_t head[4] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};
  memcpy(made->at, plain.at, at);
  memcpy(made->at + at, head, 4);
  if (len > 0) memcpy(made->at + at + 4, name, len);
  memcpy(made->at + at + 4 + len, plain.at + at, plain.len - at);
  made->len = plain.len + 4 + len;
  free(plain.at);
}

/* Which alert a server answers with; -1: none. */
static int answer_to(pair *p, const uint8_t *name, size_t len) FOAL_TURN;

static int answer_to(pair *p, const uint8_t *name, size_t len)
{
  hello made;
  hello_make(&made, p->client_ctx, name, len);
  p->server = foal_ssl_server(p->server_ctx);
  give_cipher(p->server, made.at, made.len);
  int alert = foal_ssl_alert_sent(p->server);
  cr_expect_eq(foal_ssl_error(p->server), alert == -1 ? FOAL_OK : FOAL_TLS_FAILED);
  foal_ssl_free(&p->server);
  return alert;
}

Test(ssl_hello, names_of_a_wrong_shape_are_answered_with_an_alert)
{
  static const struct {
    const char *bytes;
    size_t len;
    int alert;
  } shapes[] = {
      {"\0\x09\0\0\x06"
       "a.test",
       11, -1},
      {"\0\x09\0\0\x06"
       "A.Test",
       11, -1},
      {"\0\x0a\0\0\x06"
       "a.test",
       11, 50}, /* the list is shorter than it says */
      {"\0\x08\0\0\x06"
       "a.test",
       11, 50}, /* longer */
      {"\0\x09\0\0\x07"
       "a.test",
       11, 50}, /* the name is shorter than it says */
      {"\0\x09\0\0\x05"
       "a.test",
       11, 50}, /* longer */
      {"\0\x09\0\xff\xff"
       "a.test",
       11, 50},
      {"\0\x09\1\0\x06"
       "a.test",
       11, 50}, /* a type that there is not */
      {"\0\x12\0\0\x06"
       "a.test\0\0\x06"
       "b.test",
       20, 50},                /* two names */
      {"\0\x03\0\0\0", 5, 50}, /* an empty one */
      {"\0\x09\0\0", 4, 50},
      {"\0\0", 2, 50},
      {"\0", 1, 50},
      {"", 0, 50},
      {"\0\x09\0\0\x06"
       "a.te\0t",
       11, 112},
      {"\0\x09\0\0\x06"
       "a.te\xfft",
       11, 112},
      {"\0\x09\0\0\x06"
       "c.test",
       11, 112},
  };
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    must(foal_ssl_ctx_sni_unknown(p.server_ctx, FOAL_SNI_UNKNOWN_REJECT));
    must(foal_ssl_ctx_versions(p.client_ctx, FOAL_TLS_1_2, both[i]));
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
      cr_expect_eq(answer_to(&p, (const uint8_t *)shapes[k].bytes, shapes[k].len),
                   shapes[k].alert, "shape %zu", k);
    pair_end(&p);
  }
}

Test(ssl_hello, a_name_may_have_255_bytes_and_no_more)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  for (size_t len = 255; len <= 256; len++) {
    uint8_t name[5 + 256];
    memset(name, 'x', sizeof name);
    name[0] = (uint8_t)((len + 3) >> 8);
    name[1] = (uint8_t)(len + 3);
    name[2] = 0;
    name[3] = (uint8_t)(len >> 8);
    name[4] = (uint8_t)len;
    cr_expect_eq(answer_to(&p, name, 5 + len), len == 255 ? -1 : 112);
  }
  pair_end(&p);
}
