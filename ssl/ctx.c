/* ctx.c - the life of a context: made, frozen, shared, dropped.
 *
 * Invariant: whoever sees a context through a shared handle sees it frozen, and a frozen
 * one never changes except for its count, which the lock guards. The order "last use
 * before the drop, drop before the free" comes from that lock.                         */
#include "ctx.h"

#include "impl/bio.h"
#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/osslerr.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  CERT_BYTES = 32 << 10,
  WRITE_BYTES = 64 << 10,
  DEPTH = 4,
  SECURITY_LEVEL = 2,
  TICKET_LIFE_S = 2 * 60 * 60,
  OPENSSL_MAJOR_MIN = 3
};

/* Far below the 2^24.5 records after which AES-GCM wants a new key (RFC 8446 5.5). */
#define REKEY_RECORDS (UINT32_C(1) << 22)

#define CIPHERS                                                                          \
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                           \
  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                           \
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define SUITES                                                                           \
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"

static const uint64_t options =
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
    SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
static const long modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN |
                          SSL_MODE_AUTO_RETRY;

/* The session secrets never go through a cache: resumption is by tickets alone. */
static bool set_defaults(foal_ssl_ctx *ctx)
{
  SSL_CTX *tls = ctx->tls;
  SSL_CTX_set_options(tls, options);
  SSL_CTX_set_mode(tls, modes);
  SSL_CTX_set_security_level(tls, SECURITY_LEVEL);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(tls, TICKET_LIFE_S);
  SSL_CTX_set_verify_depth(tls, DEPTH);
  SSL_CTX_set_max_cert_list(tls, CERT_BYTES);
  SSL_CTX_set_read_ahead(tls, 0);
  return SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(tls, CIPHERS) == 1 &&
         SSL_CTX_set_ciphersuites(tls, SUITES) == 1 &&
         foal__ctx_set_groups(ctx, GROUPS) && SSL_CTX_set_max_early_data(tls, 0) == 1;
}

static void destroy(foal_ssl_ctx *ctx)
{
  SSL_CTX_free(ctx->tls);
  CRYPTO_THREAD_lock_free(ctx->lock);
  foal__alpn_clear(&ctx->alpn_server);
  foal__alpn_clear(&ctx->alpn_client);
  foal__sni_clear(ctx);
  foal__ticket_clear(ctx);
  sk_X509_NAME_pop_free(ctx->client_cas, X509_NAME_free);
  OPENSSL_free(ctx->groups);
  OPENSSL_free(ctx->self_signed_pem);
  if (ctx->keylog_fd >= 0) (void)close(ctx->keylog_fd);
  OPENSSL_free(ctx);
  foal__ossl_clear();
}

foal_ssl_ctx *foal_ssl_ctx_new(void)
{
  if (OPENSSL_version_major() < OPENSSL_MAJOR_MIN || !foal__bio_ready()) return NULL;
  foal_ssl_ctx *ctx = OPENSSL_zalloc(sizeof *ctx);
  if (ctx == NULL) return NULL;
  ctx->self = ctx;
  ctx->count = 1;
  ctx->keylog_fd = -1;
  ctx->verify_peer = true;
  ctx->verify_depth = DEPTH;
  ctx->tickets = 1;
  ctx->version_min = FOAL_TLS_1_2;
  ctx->version_max = FOAL_TLS_1_3;
  ctx->handshake_bytes = FOAL_HANDSHAKE_BYTES;
  ctx->write_bytes = WRITE_BYTES;
  ctx->rekey_records = REKEY_RECORDS;
  ctx->lock = CRYPTO_THREAD_lock_new();
  ctx->tls = SSL_CTX_new(TLS_method());
  if (ctx->lock == NULL || ctx->tls == NULL || !set_defaults(ctx)) {
    destroy(ctx);
    return NULL;
  }
  foal__ossl_clear();
  return ctx;
}

/* What a ticket is bound to: everything that decides who is let in. */
static bool bind_tickets(foal_ssl_ctx *ctx)
{
  uint8_t facts[sizeof ctx->trust_mark + 3], *fact = facts + sizeof ctx->trust_mark;
  unsigned len = 0;
  memcpy(facts, ctx->trust_mark, sizeof ctx->trust_mark);
  fact[0] = (uint8_t)ctx->client_cert;
  fact[1] = (uint8_t)ctx->verify_depth;
  fact[2] = ctx->verify_peer;
  _Static_assert(sizeof ctx->ticket_id == SSL_MAX_SID_CTX_LENGTH, "the digest fits");
  if (EVP_Digest(facts, sizeof facts, ctx->ticket_id, &len, EVP_sha256(), NULL) != 1)
    return false;
  return SSL_CTX_set_session_id_context(ctx->tls, ctx->ticket_id, len) == 1;
}

static bool show_authorities(foal_ssl_ctx *ctx)
{
  if (ctx->client_cert == FOAL_CLIENT_CERT_OFF || ctx->client_cas == NULL) return true;
  STACK_OF(X509_NAME) *copy = SSL_dup_CA_list(ctx->client_cas);
  if (copy == NULL) return false;
  SSL_CTX_set_client_CA_list(ctx->tls, copy);
  return true;
}

static foal_err freeze(foal_ssl_ctx *ctx)
{
  foal__ossl_clear();
  foal_err err = foal__ticket_install(ctx);
  if (err == FOAL_OK && (!bind_tickets(ctx) || !show_authorities(ctx))) err = FOAL_CRYPTO;
  if (err == FOAL_OK && ctx->alpn_client.count > 0 &&
      SSL_CTX_set_alpn_protos(ctx->tls, ctx->alpn_client.wire,
                              (unsigned)ctx->alpn_client.wire_len) != 0)
    err = FOAL_NO_MEMORY;
  if (err != FOAL_OK) return foal__ctx_fail(ctx, err, "the context cannot be frozen");
  foal__alpn_install(ctx);
  foal__hello_install(ctx);
  foal__session_install(ctx);
  ctx->frozen = true;
  return FOAL_OK;
}

foal_err foal_ssl_ctx_freeze(foal_ssl_ctx *ctx)
{
  foal_check(ctx != NULL);
  if (CRYPTO_THREAD_write_lock(ctx->lock) != 1) return FOAL_CRYPTO;
  foal_err err = ctx->frozen ? FOAL_OK : freeze(ctx);
  CRYPTO_THREAD_unlock(ctx->lock);
  return err;
}

foal_ssl_ctx *foal__ctx_hold(const foal_ssl_ctx *shared)
{
  foal_check(shared != NULL);
  foal_ssl_ctx *ctx = shared->self;
  if (CRYPTO_THREAD_write_lock(ctx->lock) != 1) return NULL;
  foal_check(ctx->count > 0 && ctx->count < INT32_MAX);
  bool ok = ctx->frozen || freeze(ctx) == FOAL_OK;
  if (ok) ctx->count++;
  CRYPTO_THREAD_unlock(ctx->lock);
  return ok ? ctx : NULL;
}

foal_ssl_ctx *foal_ssl_ctx_share(const foal_ssl_ctx *ctx)
{
  return foal__ctx_hold(ctx);
}

void foal_ssl_ctx_drop(foal_ssl_ctx **handle)
{
  foal_check(handle != NULL);
  foal_ssl_ctx *ctx = *handle;
  *handle = NULL;
  if (ctx == NULL) return;
  (void)CRYPTO_THREAD_write_lock(ctx->lock);
  foal_check(ctx->count > 0);
  bool last = --ctx->count == 0;
  CRYPTO_THREAD_unlock(ctx->lock);
  if (last) destroy(ctx);
}

bool foal_ssl_ctx_frozen(const foal_ssl_ctx *ctx)
{
  (void)CRYPTO_THREAD_read_lock(ctx->lock);
  bool frozen = ctx->frozen;
  CRYPTO_THREAD_unlock(ctx->lock);
  return frozen;
}

const char *foal_ssl_ctx_detail(const foal_ssl_ctx *ctx)
{
  return ctx->detail;
}

foal_err foal__ctx_open(foal_ssl_ctx *ctx)
{
  foal_check(ctx != NULL);
  if (ctx->frozen) return FOAL_FROZEN;
  ctx->detail[0] = '\0';
  foal__ossl_clear();
  return FOAL_OK;
}

/* The words of OpenSSL follow the words of the caller, when it had something to say. */
foal_err foal__ctx_fail(foal_ssl_ctx *ctx, foal_err err, const char *format, ...)
{
  foal__ossl_facts facts;
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(ctx->detail, sizeof ctx->detail, format, arguments);
  va_end(arguments);
  foal__ossl_drain(&facts);
  if (facts.no_memory) err = FOAL_NO_MEMORY;
  if (facts.any == 0 || len < 0 || (size_t)len >= sizeof ctx->detail) return err;
  snprintf(ctx->detail + len, sizeof ctx->detail - (size_t)len, " (OpenSSL: %s)",
           foal__ossl_text(facts.any));
  return err;
}

void foal__ctx_mark(foal_ssl_ctx *ctx, const char *kind, const void *data, size_t len)
{
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  unsigned got = 0;
  bool ok = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
            EVP_DigestUpdate(digest, ctx->trust_mark, sizeof ctx->trust_mark) == 1 &&
            EVP_DigestUpdate(digest, kind, strlen(kind) + 1) == 1 &&
            EVP_DigestUpdate(digest, data, len) == 1 &&
            EVP_DigestFinal_ex(digest, ctx->trust_mark, &got) == 1;
  /* Without memory for a digest the mark must still change: then to one nobody shares. */
  if (!ok) memcpy(ctx->trust_mark, &data, sizeof data);
  EVP_MD_CTX_free(digest);
  foal__ossl_clear();
}
