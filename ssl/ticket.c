/* ticket.c - session tickets under keys that hosts share and that are rotated by
 * contexts.
 *
 * Without keys OpenSSL's own random key of the context is used. With keys the first one
 * encrypts and all decrypt; a ticket under an older key is accepted and renewed, one of
 * TLS 1.3 under any. The sessions in tickets carry their session id context, a digest
 * over who is trusted and over the name that the client asked for (hello.c), so a ticket
 * is worth nothing under another name or a context that wants something else from
 * clients.                                                                             */
#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/session.h"
#include "impl/source.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <string.h>

enum { NOT_FOUND = 0, GOOD = 1, RENEW = 2, BROKEN = -1 };

void foal__ticket_clear(foal_ssl_ctx *ctx)
{
  OPENSSL_clear_free(ctx->ticket_keys, ctx->ticket_key_count * sizeof *ctx->ticket_keys);
  ctx->ticket_keys = NULL;
  ctx->ticket_key_count = 0;
}

static foal_err set_keys(foal_ssl_ctx *ctx, const foal_ticket_key *keys, size_t count)
{
  foal_ticket_key *copy = OPENSSL_memdup(keys, count * sizeof *keys);
  if (copy == NULL) return foal__ctx_fail(ctx, FOAL_NO_MEMORY, "ticket keys");
  foal__ticket_clear(ctx);
  ctx->ticket_keys = copy;
  ctx->ticket_key_count = count;
  return FOAL_OK;
}

foal_err foal_ssl_ctx_ticket_keys(foal_ssl_ctx *ctx, const foal_ticket_key *keys,
                                  size_t count)
{
  foal_err err = foal__ctx_open(ctx);
  if (err != FOAL_OK) return err;
  if (keys == NULL || count == 0 || count > FOAL_TICKET_KEYS_MAX)
    return foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT, "1 to %d ticket keys, not %zu",
                          FOAL_TICKET_KEYS_MAX, count);
  return set_keys(ctx, keys, count);
}

/* nginx's ssl_session_ticket_key has the same 80 bytes in the same order. */
_Static_assert(sizeof(foal_ticket_key) == 80 && offsetof(foal_ticket_key, mac) == 16 &&
                   offsetof(foal_ticket_key, cipher) == 48,
               "the file is an array of keys as they lie in memory");

foal_err foal_ssl_ctx_ticket_key_file(foal_ssl_ctx *ctx, const char *path)
{
  foal__source from;
  foal_err err = foal__ctx_open(ctx);
  if (err == FOAL_OK) err = foal__source_read(ctx, path, FOAL__SOURCE_SECRET, &from);
  if (err != FOAL_OK) return err;
  size_t count = from.len / sizeof(foal_ticket_key);
  if (count == 0 || count > FOAL_TICKET_KEYS_MAX ||
      from.len % sizeof(foal_ticket_key) != 0)
    err = foal__ctx_fail(ctx, FOAL_BAD_ARGUMENT,
                         "%.120s has %zu bytes; want 1 to %d ticket keys of %zu: "
                         "openssl rand -out %.80s %zu",
                         path, from.len, FOAL_TICKET_KEYS_MAX, sizeof(foal_ticket_key),
                         path, sizeof(foal_ticket_key));
  else
    err = set_keys(ctx, (const foal_ticket_key *)(const void *)from.bytes, count);
  foal__source_forget(&from);
  return err;
}

static bool set_mac(EVP_MAC_CTX *mac, foal_ticket_key *key)
{
  char digest[] = "SHA256";
  OSSL_PARAM params[3];
  params[0] =
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac);
  params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
  params[2] = OSSL_PARAM_construct_end();
  return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int encrypt_with(foal_ticket_key *key, unsigned char *name, unsigned char *iv,
                        EVP_CIPHER_CTX *cipher)
{
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return BROKEN;
  memcpy(name, key->name, sizeof key->name);
  return EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1
             ? GOOD
             : BROKEN;
}

static int on_ticket_key(SSL *tls, unsigned char *name, unsigned char *iv,
                         EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
  const foal_ssl *s = foal__ssl_of(tls);
  if (s == NULL || s->ctx->ticket_key_count == 0) return BROKEN;
  foal_ticket_key *keys = s->ctx->ticket_keys;
  if (encrypt != 0)
    return set_mac(mac, &keys[0]) ? encrypt_with(&keys[0], name, iv, cipher) : BROKEN;
  for (size_t i = 0; i < s->ctx->ticket_key_count; i++) {
    if (memcmp(name, keys[i].name, sizeof keys[i].name) != 0) continue;
    if (!set_mac(mac, &keys[i])) return BROKEN;
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys[i].cipher, iv) != 1)
      return BROKEN;
    /* Tickets of TLS 1.3 are used once: without a new one every second connection would
     * be a full handshake. */
    return i == 0 && SSL_version(tls) < TLS1_3_VERSION ? GOOD : RENEW;
  }
  return NOT_FOUND;
}

foal_err foal__ticket_install(foal_ssl_ctx *ctx)
{
  unsigned count = foal__sni_mixed(ctx) ? 0 : ctx->tickets;
  if (SSL_CTX_set_num_tickets(ctx->tls, count) != 1) return FOAL_CRYPTO;
  if (count == 0) SSL_CTX_set_options(ctx->tls, SSL_OP_NO_TICKET);
  if (ctx->ticket_key_count == 0) return FOAL_OK;
  if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->tls, on_ticket_key) != 1)
    return FOAL_CRYPTO;
  return FOAL_OK;
}
