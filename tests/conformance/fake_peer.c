/* fake_peer.c - the other end of a fake sock, speaking TLS; see fake_peer.h.
 *
 * Segments are at most as large as what one read of the real transport gives. */
#include "fake_peer.h"

#include "foal_test.h"

#include <openssl/err.h>

enum { SEGMENT_BYTES = 60000 };

static fake_peer *peers[FAKE_PEERS_MAX];
static unsigned peers_count;

static void begin(fake_peer *p, unsigned sock, SSL_CTX *ctx)
{
  *p = (fake_peer){.ssl = SSL_new(ctx), .sock = sock, .seen = fake(sock)->out_len};
  SSL_CTX_free(ctx);
  if (p->ssl == NULL || peers_count == FAKE_PEERS_MAX) abort();
  SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  peers[peers_count++] = p;
}

void fake_peer_call(fake_peer *p, unsigned sock)
{
  begin(p, sock, SSL_CTX_new(TLS_client_method()));
  SSL_set_connect_state(p->ssl);
}

void fake_peer_serve(fake_peer *p, unsigned sock, const test_cert *cert)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  if (ctx == NULL || SSL_CTX_use_certificate(ctx, cert->cert) != 1 ||
      SSL_CTX_use_PrivateKey(ctx, cert->key) != 1)
    abort();
  begin(p, sock, ctx);
  SSL_set_accept_state(p->ssl);
}

void fake_peers_end(void)
{
  for (unsigned i = 0; i < peers_count; i++) {
    SSL_free(peers[i]->ssl);
    free(peers[i]->got);
    *peers[i] = (fake_peer){0};
  }
  peers_count = 0;
}

static bool take(fake_peer *p)
{
  const foal__sock *s = fake(p->sock);
  if (p->seen == s->out_len) return false;
  BIO_write(SSL_get_rbio(p->ssl), s->out + p->seen, (int)(s->out_len - p->seen));
  p->seen = s->out_len;
  return true;
}

static void note(fake_peer *p, int result)
{
  int error = SSL_get_error(p->ssl, result);
  p->ready = SSL_is_init_finished(p->ssl) != 0;
  if (error == SSL_ERROR_ZERO_RETURN) p->end_seen = true;
  if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) p->failed = true;
  ERR_clear_error();
}

static void understand(fake_peer *p)
{
  uint8_t bytes[16384];
  if (!SSL_is_init_finished(p->ssl)) note(p, SSL_do_handshake(p->ssl));
  while (p->ready && !p->failed) {
    int n = SSL_read(p->ssl, bytes, sizeof bytes);
    if (n <= 0) {
      note(p, n);
      return;
    }
    p->got = realloc(p->got, p->got_len + (size_t)n);
    if (p->got == NULL) abort();
    memcpy(p->got + p->got_len, bytes, (size_t)n);
    p->got_len += (size_t)n;
  }
}

static bool answer(fake_peer *p)
{
  static uint8_t bytes[SEGMENT_BYTES];
  bool any = false;
  int n;
  const foal__sock *s = fake(p->sock);
  while (s->in_count < FAKE_SEGMENTS_MAX &&
         (n = BIO_read(SSL_get_wbio(p->ssl), bytes, sizeof bytes)) > 0) {
    if (s->end.err == FOAL_OK) fake_bytes(p->sock, bytes, (size_t)n);
    any = true;
  }
  return any;
}

bool fake_peer_move(fake_peer *p)
{
  if (p->ssl == NULL || p->held) return false;
  bool any = take(p);
  if (!p->failed) understand(p);
  any |= answer(p);
  return any;
}

bool fake_peers_move(void)
{
  bool any = false;
  for (unsigned i = 0; i < peers_count; i++) any |= fake_peer_move(peers[i]);
  return any;
}

void fake_peer_say(fake_peer *p, const void *bytes, size_t len)
{
  if (SSL_write(p->ssl, bytes, (int)len) != (int)len) abort();
}

void fake_peer_notify(fake_peer *p)
{
  SSL_shutdown(p->ssl);
}
