/* pair.c - see pair.h. */
#include "pair.h"

#include "foal_test.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char heard[FOAL_SSL_READ_MAX + 1];
static _Thread_local size_t heard_bytes;

void turn_of_test(void) {}

void cast_make(cast *c)
{
  c->root = cert_make(&(cert_spec){.name = "root", .authority = true});
  c->server =
      cert_make(&(cert_spec){.name = "server", .alt = "DNS:a.test", .issuer = c->root});
  c->client = cert_make(
      &(cert_spec){.name = "client", .alt = "DNS:client.test", .issuer = c->root});
}

void cast_free(cast *c)
{
  cert_free(c->root);
  cert_free(c->server);
  cert_free(c->client);
}

foal_ssl_ctx *ctx_with(const test_cert *own, const test_cert *trusted)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  cr_assert_not_null(ctx);
  if (own != NULL)
    cr_assert_eq(foal_ssl_ctx_use_cert_pem(ctx, own->chain, own->key_pem), FOAL_OK, "%s",
                 foal_ssl_ctx_detail(ctx));
  if (trusted != NULL)
    cr_assert_eq(foal_ssl_ctx_trust_pem(ctx, trusted->pem), FOAL_OK, "%s",
                 foal_ssl_ctx_detail(ctx));
  return ctx;
}

void pair_prepare(pair *p)
{
  memset(p, 0, sizeof *p);
  cast_make(&p->cast);
  p->server_ctx = ctx_with(p->cast.server, NULL);
  p->client_ctx = ctx_with(NULL, p->cast.root);
}

void pair_begin(pair *p, const char *host)
{
  p->server = foal_ssl_server(p->server_ctx);
  p->client = foal_ssl_client(p->client_ctx, host);
  cr_assert_not_null(p->server);
  cr_assert_not_null(p->client);
}

void pair_ready(pair *p)
{
  pair_prepare(p);
  pair_begin(p, "a.test");
  pair_pump(p);
  cr_assert_eq(foal_ssl_state(p->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->client));
  cr_assert_eq(foal_ssl_state(p->server), FOAL_SSL_READY, "%s",
               foal_ssl_reason(p->server));
}

void pair_end(pair *p)
{
  foal_ssl_free(&p->server);
  foal_ssl_free(&p->client);
  foal_ssl_ctx_drop(&p->server_ctx);
  foal_ssl_ctx_drop(&p->client_ctx);
  cast_free(&p->cast);
  cr_assert_eq(foal_ssl_live_count(), 0);
}

cipher_bytes take_cipher(foal_ssl *s)
{
  cipher_bytes all = {NULL, 0};
  foal_buf *b;
  while (foal_ssl_send(s, &b)) {
    cr_assert_gt(foal_buf_len(b), 0);
    cr_assert_leq(foal_buf_len(b), (size_t)FOAL_SSL_CHUNK + 1024);
    all.at = realloc(all.at, all.len + foal_buf_len(b));
    cr_assert_not_null(all.at);
    memcpy(all.at + all.len, foal_buf_data(b), foal_buf_len(b));
    all.len += foal_buf_len(b);
    foal_buf_drop(&b);
  }
  return all;
}

void give_cipher(foal_ssl *s, const void *at, size_t len)
{
  foal_buf *b;
  bool ok = foal_buf_from(&b, at, len);
  if (!ok) {
    cr_assert_fail("out of memory");
    return;
  }
  foal_ssl_receive(s, &b);
}

static bool move(foal_ssl *from, foal_ssl *to, size_t cut) FOAL_TURN;

static bool move(foal_ssl *from, foal_ssl *to, size_t cut)
{
  cipher_bytes all = take_cipher(from);
  for (size_t at = 0; at < all.len; at += cut)
    give_cipher(to, all.at + at, all.len - at < cut ? all.len - at : cut);
  free(all.at);
  return all.len > 0;
}

void pump(foal_ssl *a, foal_ssl *b, size_t cut)
{
  for (int round = 0; round < 1000; round++) {
    bool there = move(a, b, cut), back = move(b, a, cut);
    if (!there && !back) return;
  }
  cr_assert_fail("the two never fall silent");
}

void pair_pump(pair *p)
{
  pump(p->client, p->server, FOAL_SSL_CHUNK);
}

foal_err say_bytes(foal_ssl *s, const void *at, size_t len)
{
  foal_buf *b;
  bool ok = foal_buf_from(&b, at, len);
  if (!ok) return FOAL_NO_MEMORY;
  foal_err err = foal_ssl_write(s, &b);
  return err;
}

foal_err say(foal_ssl *s, const char *text)
{
  return say_bytes(s, text, strlen(text));
}

const char *hear(foal_ssl *s, size_t expect)
{
  foal_buf *b;
  heard_bytes = 0;
  if (!foal_ssl_read(s, expect, &b)) return NULL;
  heard_bytes = foal_buf_len(b);
  memcpy(heard, foal_buf_data(b), heard_bytes);
  heard[heard_bytes] = '\0';
  foal_buf_drop(&b);
  return heard;
}

size_t heard_len(void)
{
  return heard_bytes;
}

size_t hear_all(foal_ssl *s)
{
  size_t all = 0;
  while (hear(s, 0) != NULL) all += heard_bytes;
  return all;
}

void pair_only(pair *p, foal_tls version)
{
  cr_assert_eq(foal_ssl_ctx_versions(p->server_ctx, version, version), FOAL_OK);
}

void expect_failure(const foal_ssl *s, foal_ssl_status status, foal_err err)
{
  cr_expect_eq(foal_ssl_state(s), status, "state %d: %s", (int)foal_ssl_state(s),
               foal_ssl_reason(s));
  cr_expect_eq(foal_ssl_error(s), err, "%s: %s", foal_err_name(foal_ssl_error(s)),
               foal_ssl_reason(s));
  cr_expect_eq(ERR_peek_error(), 0);
  cr_expect_null(foal_ssl_alpn_selected(s));
}

uint8_t pair_pattern(size_t i)
{
  return (uint8_t)(i * 31 + (i >> 8) * 7 + 1);
}

/* The client says `len` bytes of a pattern that begins at `from`; the server receives
 * them. */

void pair_send_pattern(pair *p, size_t from, size_t len)
{
  uint8_t *text = malloc(len);
  cr_assert_not_null(text);
  for (size_t i = 0; i < len; i++) text[i] = pair_pattern(from + i);
  cr_assert_eq(say_bytes(p->client, text, len), FOAL_OK);
  free(text);
  cipher_bytes all = take_cipher(p->client);
  give_cipher(p->server, all.at, all.len);
  free(all.at);
}

/* Reads, and checks that exactly these bytes of the pattern came. */

void pair_hear_pattern(pair *p, size_t expect, size_t from, size_t len)
{
  const char *got = hear(p->server, expect);
  cr_assert_not_null(got, "read(%zu) gave nothing instead of %zu bytes", expect, len);
  cr_assert_eq(heard_len(), len, "read(%zu) gave %zu bytes instead of %zu", expect,
               heard_len(), len);
  for (size_t i = 0; i < len; i++)
    cr_assert_eq((uint8_t)got[i], pair_pattern(from + i), "at %zu", i);
}
