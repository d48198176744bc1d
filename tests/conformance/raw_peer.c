/* raw_peer.c - see raw_peer.h. */
#include "raw_peer.h"

#include "foal_test.h"

#include <openssl/err.h>
#include <stdlib.h>

void raw_make(raw_peer *r, const test_cert *own, int version)
{
  r->ctx = SSL_CTX_new(TLS_method());
  cr_assert_not_null(r->ctx);
  cr_assert_eq(SSL_CTX_set_max_proto_version(r->ctx, version), 1);
  if (own != NULL) {
    cr_assert_eq(SSL_CTX_use_certificate(r->ctx, own->cert), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(r->ctx, own->key), 1);
  }
  r->tls = SSL_new(r->ctx);
  r->in = BIO_new(BIO_s_mem());
  r->out = BIO_new(BIO_s_mem());
  cr_assert(r->tls != NULL && r->in != NULL && r->out != NULL);
  SSL_set_bio(r->tls, r->in, r->out);
  if (own != NULL)
    SSL_set_accept_state(r->tls);
  else
    SSL_set_connect_state(r->tls);
}

void raw_free(raw_peer *r)
{
  SSL_free(r->tls);
  SSL_CTX_free(r->ctx);
  ERR_clear_error();
}

void raw_to(raw_peer *r, foal_ssl *s)
{
  char *at = NULL;
  long len = BIO_get_mem_data(r->out, &at);
  if (len > 0) give_cipher(s, at, (size_t)len);
  (void)BIO_reset(r->out);
}

void raw_from(raw_peer *r, foal_ssl *s)
{
  cipher_bytes all = take_cipher(s);
  if (all.len > 0) cr_assert_eq(BIO_write(r->in, all.at, (int)all.len), (int)all.len);
  free(all.at);
}

void raw_rounds(raw_peer *r, foal_ssl *s)
{
  for (int round = 0; round < 6; round++) {
    raw_from(r, s);
    ERR_clear_error();
    (void)SSL_do_handshake(r->tls);
    raw_to(r, s);
  }
  ERR_clear_error();
}

void raw_shake(raw_peer *r, foal_ssl *s)
{
  raw_rounds(r, s);
  cr_assert(SSL_is_init_finished(r->tls));
  cr_assert_eq(foal_ssl_state(s), FOAL_SSL_READY, "%s", foal_ssl_reason(s));
}

size_t raw_hear(raw_peer *r, int *why)
{
  uint8_t sink[16384];
  size_t all = 0;
  for (;;) {
    ERR_clear_error();
    int n = SSL_read(r->tls, sink, sizeof sink);
    if (n > 0) {
      all += (size_t)n;
      continue;
    }
    *why = SSL_get_error(r->tls, n);
    ERR_clear_error();
    return all;
  }
}
