/* ctx_alpn_test.c - Pony's rows of SSLContext.alpn_set_resolver.
 *
 * Pony's server asks an object of the program, the resolver, for each handshake; it has
 * to stay alive as long as OpenSSL may ask it. Ours has a list of names instead: no code
 * of the program runs inside a handshake, and what has to stay alive is the list.      */
#include "foal_test.h"
#include "ssl/impl/ctx.h"
#include "tls/pair.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static const foal_tls both[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
static const char *const web[] = {"h2", "http/1.1"};
static const char *const queue[] = {"mqtt"};
static int freed;

static void count_freed(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index,
                        long words, void *arg)
{
  (void)parent, (void)data, (void)index, (void)words, (void)arg;
  if (ptr != NULL) freed++;
}

/* From now on the end of this context is counted: its list goes along with it. */
static void watch(foal_ssl_ctx *ctx)
{
  static int index = -1;
  if (index < 0) index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, count_freed);
  cr_assert_geq(index, 0);
  cr_assert_eq(SSL_CTX_set_ex_data(ctx->tls, index, &freed), 1);
}

/* Ours: no fallback to what the server does not speak (RFC 7301 3.2: alert 120). A server
 * without a list takes no part in ALPN, and the handshake goes on without a protocol. */
Test(conf_ctx, SSLContext_alpn_set_resolver_fallback_to_client_protocol)
{
  turn_of_test();
  for (int i = 0; i < 4; i++) {
    pair p;
    bool listed = i < 2;
    pair_prepare(&p);
    pair_only(&p, both[i % 2]);
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
    if (listed) cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, queue, 1), FOAL_OK);
    pair_begin(&p, "a.test");
    pair_pump(&p);
    cr_expect_null(foal_ssl_alpn_selected(p.server), "never the client's h2");
    cr_expect_null(foal_ssl_alpn_selected(p.client));
    if (listed) {
      expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
      expect_failure(p.client, FOAL_SSL_ERROR, FOAL_TLS_ALERT);
      cr_expect_eq(foal_ssl_alert_received(p.client), 120);
    } else {
      cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
      cr_expect_eq(foal_ssl_state(p.client), FOAL_SSL_READY);
    }
    pair_end(&p);
  }
}

/* Ours: the list cannot choose what was not advertised, so the row is what is left of it:
 * without overlap the server fails on the client's first flight. */
Test(conf_ctx, SSLContext_alpn_set_resolver_unadvertised_protocol_fails)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, queue, 1), FOAL_OK);
    pair_begin(&p, "a.test");
    cipher_bytes first = take_cipher(p.client);
    give_cipher(p.server, first.at, first.len);
    expect_failure(p.server, FOAL_SSL_ERROR, FOAL_TLS_FAILED);
    cr_expect_eq(foal_ssl_alert_sent(p.server), 120);
    free(first.at);
    pair_end(&p);
  }
}

/* The context has a copy: the program's own array may go at once. */
Test(conf_ctx, SSLContext_alpn_set_resolver_resolver_rooted_by_context)
{
  turn_of_test();
  pair p;
  char name[] = "h2", other[] = "http/1.1";
  const char *names[] = {name, other};
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, names, 2), FOAL_OK);
  cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, names, 2), FOAL_OK);
  memset(name, 'x', 2);
  memset(other, 'y', 8);
  names[0] = names[1] = NULL;
  pair_begin(&p, "a.test");
  pair_pump(&p);
  cr_expect_str_eq(foal_ssl_alpn_selected(p.server), "h2");
  cr_expect_str_eq(foal_ssl_alpn_selected(p.client), "h2");
  pair_end(&p);
}

Test(conf_ctx, SSLContext_alpn_set_resolver_resolver_rooted_by_session)
{
  turn_of_test();
  for (int i = 0; i < 2; i++) {
    pair p;
    pair_prepare(&p);
    pair_only(&p, both[i]);
    cr_assert_eq(foal_ssl_ctx_alpn_client(p.client_ctx, web, 2), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web + 1, 1), FOAL_OK);
    pair_begin(&p, "a.test");
    foal_ssl_ctx_drop(&p.server_ctx);
    foal_ssl_ctx_drop(&p.client_ctx);
    pair_pump(&p);
    cr_expect_str_eq(foal_ssl_alpn_selected(p.server), "http/1.1");
    cr_expect_str_eq(foal_ssl_alpn_selected(p.client), "http/1.1");
    pair_end(&p);
  }
}

Test(conf_ctx, SSLContext_alpn_set_resolver_resolver_collected_when_unreferenced)
{
  turn_of_test();
  pair p;
  pair_prepare(&p);
  cr_assert_eq(foal_ssl_ctx_alpn_server(p.server_ctx, web, 2), FOAL_OK);
  watch(p.server_ctx);
  foal_ssl_ctx *other = foal_ssl_ctx_share(p.server_ctx);
  pair_begin(&p, "a.test");
  foal_ssl *second = foal_ssl_server(other);
  foal_ssl_ctx_drop(&p.server_ctx);
  foal_ssl_ctx_drop(&other);
  cr_expect_eq(freed, 0, "two sessions hold it");
  foal_ssl_free(&second);
  cr_expect_eq(freed, 0, "one session holds it");
  pair_pump(&p);
  cr_expect_eq(foal_ssl_state(p.server), FOAL_SSL_READY);
  foal_ssl_dispose(p.server);
  cr_expect_eq(freed, 1, "nobody holds it, and it goes at once");
  pair_end(&p);
}
