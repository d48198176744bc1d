/* ctx_policy.c - the setters of policy.h and the rules of verification.
 *
 * Each setter checks first and changes then; what OpenSSL holds is either the old value
 * or the new one.                                                                      */
#include "policy.h"

#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/osslerr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH_MAX = 100, LIMIT_MIN = 1024, LIMIT_MAX = 1 << 20, WRITE_MAX = 16 << 20 };

foal_err foal_ssl_ctx_versions(foal_ssl_ctx *ctx, foal_tls min, foal_tls max)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  bool known = (min == FOAL_TLS_1_2 || min == FOAL_TLS_1_3) &&
               (max == FOAL_TLS_1_2 || max == FOAL_TLS_1_3);
  if (!known || min > max)
    return foal__ctx_fail(
        ctx, FOAL_BAD_VERSION,
        "versions 0x%04x to 0x%04x: want TLS 1.2 or 1.3, the lower one first",
        (unsigned)min, (unsigned)max);
  /* From the range in force to the new one without an empty range on the way. */
  if (SSL_CTX_set_min_proto_version(ctx->tls, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx->tls, (int)max) != 1 ||
      SSL_CTX_set_min_proto_version(ctx->tls, (int)min) != 1) {
    (void)SSL_CTX_set_min_proto_version(ctx->tls, TLS1_2_VERSION);
    (void)SSL_CTX_set_max_proto_version(ctx->tls, (int)ctx->version_max);
    (void)SSL_CTX_set_min_proto_version(ctx->tls, (int)ctx->version_min);
    return foal__ctx_fail(ctx, FOAL_BAD_VERSION,
                          "this OpenSSL does not offer the versions");
  }
  ctx->version_min = min;
  ctx->version_max = max;
  return FOAL_OK;
}

foal_tls foal_ssl_ctx_min_version(const foal_ssl_ctx *ctx)
{
  foal_check(ctx != NULL);
  return ctx->version_min;
}

foal_tls foal_ssl_ctx_max_version(const foal_ssl_ctx *ctx)
{
  foal_check(ctx != NULL);
  return ctx->version_max;
}

/* A context that refuses a list has lost its old one, hence a trial on another. */
static bool good_ciphers(const char *list)
{
  SSL_CTX *trial = SSL_CTX_new(TLS_method());
  bool ok = trial != NULL && SSL_CTX_set_cipher_list(trial, list) == 1;
  SSL_CTX_free(trial);
  return ok;
}

foal_err foal_ssl_ctx_ciphers(foal_ssl_ctx *ctx, const char *list)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (list == NULL || !good_ciphers(list) || SSL_CTX_set_cipher_list(ctx->tls, list) != 1)
    return foal__ctx_fail(ctx, FOAL_BAD_CIPHERS, "no TLS 1.2 cipher in \"%.200s\"",
                          list == NULL ? "" : list);
  /* Whoever asks for finite-field suites gets groups of a fitting size. */
  (void)SSL_CTX_set_dh_auto(ctx->tls, 1);
  return FOAL_OK;
}

foal_err foal_ssl_ctx_suites(foal_ssl_ctx *ctx, const char *list)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (list == NULL || list[0] == '\0' || SSL_CTX_set_ciphersuites(ctx->tls, list) != 1)
    return foal__ctx_fail(ctx, FOAL_BAD_CIPHERS, "no TLS 1.3 suites in \"%.200s\"",
                          list == NULL ? "" : list);
  return FOAL_OK;
}

/* OpenSSL's macro takes the text as one it might change, so it gets a copy. */
bool foal__ctx_set_groups(foal_ssl_ctx *ctx, const char *list)
{
  char *copy = OPENSSL_strdup(list), *old = ctx->groups;
  bool ok = copy != NULL && SSL_CTX_set1_groups_list(ctx->tls, copy) == 1;
  if (ok) ctx->groups = copy;
  OPENSSL_free(ok ? old : copy);
  return ok;
}

foal_err foal_ssl_ctx_groups(foal_ssl_ctx *ctx, const char *list)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (list == NULL || list[0] == '\0' || !foal__ctx_set_groups(ctx, list))
    return foal__ctx_fail(ctx, FOAL_BAD_CIPHERS, "no usable groups in \"%.200s\"",
                          list == NULL ? "" : list);
  return FOAL_OK;
}

static foal_err set_alpn(foal_ssl_ctx *ctx, foal__alpn *list, const char *const *names,
                         size_t count)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  err = foal__alpn_set(list, names, count);
  if (err == FOAL_OK) return err;
  return foal__ctx_fail(ctx, err, "ALPN: want up to %d names of 1 to 255 bytes",
                        FOAL_ALPN_NAMES_MAX);
}

foal_err foal_ssl_ctx_alpn_server(foal_ssl_ctx *ctx, const char *const *names,
                                  size_t count)
{
  return set_alpn(ctx, &ctx->alpn_server, names, count);
}

foal_err foal_ssl_ctx_alpn_client(foal_ssl_ctx *ctx, const char *const *names,
                                  size_t count)
{
  return set_alpn(ctx, &ctx->alpn_client, names, count);
}

foal_err foal_ssl_ctx_alpn_required(foal_ssl_ctx *ctx, bool on)
{
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) ctx->alpn_required = on;
  return err;
}

foal_err foal_ssl_ctx_verify_peer(foal_ssl_ctx *ctx, bool on)
{
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) ctx->verify_peer = on;
  return err;
}

foal_err foal_ssl_ctx_client_cert(foal_ssl_ctx *ctx, foal_client_cert want)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (want != FOAL_CLIENT_CERT_OFF && want != FOAL_CLIENT_CERT_OPTIONAL &&
      want != FOAL_CLIENT_CERT_REQUIRED && want != FOAL_CLIENT_CERT_UNVERIFIED)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "no such rule for client certificates");
  ctx->client_cert = want;
  return FOAL_OK;
}

foal_err foal_ssl_ctx_verify_depth(foal_ssl_ctx *ctx, unsigned depth)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (depth > DEPTH_MAX)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "a depth of %u is above %d", depth,
                          DEPTH_MAX);
  SSL_CTX_set_verify_depth(ctx->tls, (int)depth);
  ctx->verify_depth = depth;
  return FOAL_OK;
}

foal_err foal_ssl_ctx_tickets(foal_ssl_ctx *ctx, unsigned count)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (count > FOAL_TICKETS_MAX)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "%u tickets are more than %d", count,
                          FOAL_TICKETS_MAX);
  ctx->tickets = count;
  return FOAL_OK;
}

/* Checks a limit in bytes; FOAL_OK: set it. */
static foal_err open_limit(foal_ssl_ctx *ctx, size_t bytes, size_t min, size_t max)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (bytes >= min && bytes <= max) return FOAL_OK;
  return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "%zu bytes are not within %zu and %zu",
                        bytes, min, max);
}

foal_err foal_ssl_ctx_handshake_bytes(foal_ssl_ctx *ctx, size_t bytes)
{
  foal_err err = open_limit(ctx, bytes, LIMIT_MIN, LIMIT_MAX);
  if (err == FOAL_OK) ctx->handshake_bytes = bytes;
  return err;
}

foal_err foal_ssl_ctx_cert_bytes(foal_ssl_ctx *ctx, size_t bytes)
{
  foal_err err = open_limit(ctx, bytes, LIMIT_MIN, LIMIT_MAX);
  if (err == FOAL_OK) SSL_CTX_set_max_cert_list(ctx->tls, (long)bytes);
  return err;
}

foal_err foal_ssl_ctx_write_bytes(foal_ssl_ctx *ctx, size_t bytes)
{
  foal_err err = open_limit(ctx, bytes, 1, WRITE_MAX);
  if (err == FOAL_OK) ctx->write_bytes = bytes;
  return err;
}

foal_err foal_ssl_ctx_keylog(foal_ssl_ctx *ctx, const char *path)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  int fd =
      path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE, "cannot write %.200s: %s",
                          path == NULL ? "(no path)" : path,
                          strerror(path == NULL ? EINVAL : errno));
  if (ctx->keylog_fd >= 0) (void)close(ctx->keylog_fd);
  ctx->keylog_fd = fd;
  return FOAL_OK;
}

/* Lets any certificate pass; the verdict stays in the verify result. */
static int pass(int ok, X509_STORE_CTX *store)
{
  (void)ok, (void)store;
  return 1;
}

void foal__ctx_apply_client_cert(const foal_ssl_ctx *ctx, SSL *tls)
{
  SSL_set_verify_depth(tls, (int)ctx->verify_depth);
  switch (ctx->client_cert) {
  case FOAL_CLIENT_CERT_OFF:
    SSL_set_verify(tls, SSL_VERIFY_NONE, NULL);
    return;
  case FOAL_CLIENT_CERT_OPTIONAL:
    SSL_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return;
  case FOAL_CLIENT_CERT_REQUIRED:
    SSL_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return;
  case FOAL_CLIENT_CERT_UNVERIFIED:
    SSL_set_verify(tls, SSL_VERIFY_PEER, pass);
    return;
  }
  foal_check(false && "a client certificate rule");
}
