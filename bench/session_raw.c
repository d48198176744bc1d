/* session_raw.c - OpenSSL alone: the least code that carries records between two SSLs.
 *
 * A BIO of its own reads where the other side has written and writes into a static
 * buffer; no error is told apart from another, no limit is kept. What Foal's sessions
 * cost above this is the price of everything this leaves out. */
#include "session.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

enum { OUT_BYTES = 64 * 1024, STEPS_MAX = 16 };

typedef struct raw_side {
  SSL *tls;
  const uint8_t *in;
  size_t in_len, out_len;
  uint8_t out[OUT_BYTES];
} raw_side;

typedef struct raw_pair {
  SSL_CTX *client_ctx, *server_ctx;
  SSL_SESSION *saved;
  long modes;
  raw_side client, server;
  uint8_t text[SESSION_RECORD_BYTES_MAX];
} raw_pair;

static raw_pair released = {.modes = SSL_MODE_RELEASE_BUFFERS}, kept;
static BIO_METHOD *method;

/* ---- BIO ---- */

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *put)
{
  raw_side *side = (raw_side *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (len > OUT_BYTES - side->out_len) return 0;
  memcpy(side->out + side->out_len, bytes, len);
  side->out_len += len;
  *put = len;
  return 1;
}

static int bio_read(BIO *bio, char *bytes, size_t len, size_t *got)
{
  raw_side *side = (raw_side *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (side->in_len == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *got = len < side->in_len ? len : side->in_len;
  memcpy(bytes, side->in, *got);
  side->in += *got;
  side->in_len -= *got;
  return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static bool make_method(void)
{
  if (method != NULL) return true;
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "raw");
  return method != NULL && BIO_meth_set_write_ex(method, bio_write) == 1 &&
         BIO_meth_set_read_ex(method, bio_read) == 1 &&
         BIO_meth_set_ctrl(method, bio_ctrl) == 1;
}

/* ---- contexts ---- */

static bool set_rules(SSL_CTX *ctx, long modes)
{
  static const unsigned char name[] = "raw";
  char group[] = SESSION_GROUP;
  if (ctx == NULL) return false;
  SSL_CTX_set_mode(ctx, modes | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(ctx, SESSION_SUITE) == 1 &&
         SSL_CTX_set1_groups_list(ctx, group) == 1 &&
         SSL_CTX_set_num_tickets(ctx, SESSION_TICKETS) == 1 &&
         SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1) == 1;
}

static bool open_raw(void *self, const char *cert_pem, const char *key_pem)
{
  raw_pair *p = (raw_pair *)self;
  p->client_ctx = SSL_CTX_new(TLS_method());
  p->server_ctx = SSL_CTX_new(TLS_method());
  BIO *cert_bio = BIO_new_mem_buf(cert_pem, -1), *key_bio = BIO_new_mem_buf(key_pem, -1);
  X509 *cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
  bool ok = make_method() && set_rules(p->client_ctx, p->modes) &&
            set_rules(p->server_ctx, p->modes) &&
            SSL_CTX_use_certificate(p->server_ctx, cert) == 1 &&
            SSL_CTX_use_PrivateKey(p->server_ctx, key) == 1 &&
            X509_STORE_add_cert(SSL_CTX_get_cert_store(p->client_ctx), cert) == 1;
  SSL_CTX_set_verify(p->client_ctx, SSL_VERIFY_PEER, NULL);
  X509_free(cert);
  EVP_PKEY_free(key);
  BIO_free(cert_bio);
  BIO_free(key_bio);
  return ok;
}

/* ---- handshakes ---- */

static bool begin(raw_side *side, SSL_CTX *ctx)
{
  BIO *bio = BIO_new(method);
  /* Without this the saved session would be spoiled: it looks as if it ended badly. */
  if (side->tls != NULL) SSL_set_shutdown(side->tls, SSL_SENT_SHUTDOWN);
  SSL_free(side->tls);
  side->tls = SSL_new(ctx);
  side->in_len = side->out_len = 0;
  if (bio == NULL || side->tls == NULL) return false;
  BIO_set_data(bio, side);
  BIO_set_init(bio, 1);
  SSL_set_bio(side->tls, bio, bio);
  return true;
}

static void carry(raw_side *from, raw_side *to)
{
  to->in = from->out;
  to->in_len = from->out_len;
  from->out_len = 0;
}

static bool begin_both(raw_pair *p, bool resume)
{
  char host[] = SESSION_HOST;
  if (!begin(&p->client, p->client_ctx) || !begin(&p->server, p->server_ctx))
    return false;
  SSL_set_accept_state(p->server.tls);
  SSL_set_connect_state(p->client.tls);
  if (SSL_set_tlsext_host_name(p->client.tls, host) != 1 ||
      SSL_set1_host(p->client.tls, host) != 1)
    return false;
  return !resume || SSL_set_session(p->client.tls, p->saved) == 1;
}

static bool agree(void *self, bool resume)
{
  raw_pair *p = (raw_pair *)self;
  size_t n;
  if (!begin_both(p, resume)) return false;
  bool client = false, server = false;
  for (int i = 0; i < STEPS_MAX && !(client && server); i++) {
    client = SSL_do_handshake(p->client.tls) == 1;
    carry(&p->client, &p->server);
    server = SSL_do_handshake(p->server.tls) == 1;
    carry(&p->server, &p->client);
  }
  /* The ticket: nothing to read comes with it. */
  if (SSL_read_ex(p->client.tls, p->text, sizeof p->text, &n) == 1) return false;
  if (p->saved == NULL) p->saved = SSL_get1_session(p->client.tls);
  return client && server && (SSL_session_reused(p->server.tls) == 1) == resume;
}

/* ---- records ---- */

static bool pass(raw_pair *p, raw_side *from, raw_side *to, size_t bytes)
{
  size_t n;
  if (SSL_write_ex(from->tls, p->text, bytes, &n) != 1) return false;
  carry(from, to);
  while (to->in_len > 0) {
    if (SSL_read_ex(to->tls, p->text, sizeof p->text, &n) != 1) return false;
  }
  return n == bytes;
}

static bool talk(void *self, size_t bytes)
{
  raw_pair *p = (raw_pair *)self;
  return pass(p, &p->client, &p->server, bytes) && pass(p, &p->server, &p->client, bytes);
}

static void close_raw(void *self)
{
  raw_pair *p = (raw_pair *)self;
  SSL_free(p->client.tls);
  SSL_free(p->server.tls);
  SSL_SESSION_free(p->saved);
  SSL_CTX_free(p->client_ctx);
  SSL_CTX_free(p->server_ctx);
}

const session_engine session_raw = {"raw", open_raw, agree, talk, close_raw, &released};
const session_engine session_kept = {"kept", open_raw, agree, talk, close_raw, &kept};
