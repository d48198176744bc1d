/* alpn.c - application protocols: the codec, the matcher, what servers choose and what
 * clients accept.
 *
 * Choosing and accepting happen inside a handshake. They look into frozen contexts and
 * into the bytes that OpenSSL shows them; no user code runs. The name given back to
 * OpenSSL lies in the client's own list, which outlives the use that OpenSSL makes of
 * it.                                                                                  */
#include "impl/alpn.h"

#include "impl/check.h"
#include "impl/ctx.h"
#include "impl/session.h"

#include <string.h>

enum { NAME_MAX_BYTES = 255 };

static foal_err measure(const char *const *names, size_t count, size_t *bytes)
{
  *bytes = 0;
  if (count > FOAL_ALPN_NAMES_MAX || names == NULL) return FOAL_BAD_ALPN;
  for (size_t i = 0; i < count; i++) {
    size_t len = names[i] == NULL ? 0 : strlen(names[i]);
    if (len == 0 || len > NAME_MAX_BYTES) return FOAL_BAD_ALPN;
    *bytes += len + 1;
  }
  return FOAL_OK;
}

foal_err foal__alpn_set(foal__alpn *list, const char *const *names, size_t count)
{
  foal__alpn made = {NULL, NULL, 0, count};
  if (count > 0) {
    foal_err err = measure(names, count, &made.wire_len);
    if (err != FOAL_OK) return err;
    made.wire = OPENSSL_malloc(made.wire_len);
    made.texts = OPENSSL_malloc(made.wire_len);
    if (made.wire == NULL || made.texts == NULL) {
      foal__alpn_clear(&made);
      return FOAL_NO_MEMORY;
    }
  }
  for (size_t i = 0, at = 0; i < count; i++) {
    size_t len = strlen(names[i]);
    made.wire[at] = (uint8_t)len;
    memcpy(made.wire + at + 1, names[i], len);
    memcpy(made.texts + at, names[i], len + 1);
    at += len + 1;
  }
  foal__alpn_clear(list);
  *list = made;
  return FOAL_OK;
}

void foal__alpn_clear(foal__alpn *list)
{
  OPENSSL_free(list->wire);
  OPENSSL_free(list->texts);
  *list = (foal__alpn){NULL, NULL, 0, 0};
}

bool foal__alpn_valid(const uint8_t *wire, size_t len)
{
  if (len == 0) return false;
  for (size_t at = 0; at < len; at += 1 + (size_t)wire[at])
    if (wire[at] == 0 || wire[at] > len - at - 1) return false;
  return true;
}

/* As foal__alpn_find for a name of any bytes. */
static bool find(const uint8_t *wire, size_t len, const void *name, size_t name_len,
                 size_t *offset)
{
  if (name_len == 0 || name_len > NAME_MAX_BYTES) return false;
  for (size_t at = 0; at < len; at += 1 + (size_t)wire[at]) {
    if (wire[at] == 0 || wire[at] > len - at - 1) return false;
    if (wire[at] != name_len || memcmp(wire + at + 1, name, name_len) != 0) continue;
    *offset = at + 1;
    return true;
  }
  return false;
}

bool foal__alpn_find(const uint8_t *wire, size_t len, const char *name, size_t *offset)
{
  return find(wire, len, name, strlen(name), offset);
}

const char *foal__alpn_choose(const foal__alpn *ours, const uint8_t *theirs, size_t len,
                              size_t *offset)
{
  if (!foal__alpn_valid(theirs, len)) return NULL;
  const char *name = ours->texts;
  for (size_t i = 0; i < ours->count; i++, name += strlen(name) + 1)
    if (foal__alpn_find(theirs, len, name, offset)) return name;
  return NULL;
}

const char *foal__alpn_text(const foal__alpn *ours, const uint8_t *name, size_t len)
{
  size_t offset;
  if (!find(ours->wire, ours->wire_len, name, len, &offset)) return NULL;
  return ours->texts + offset - 1;
}

/* A context that was chosen by its name has its own list or, without one, the list of the
 * context that has the map. */
static const foal__alpn *list_for(const SSL *tls, const foal_ssl_ctx *ctx)
{
  const foal_ssl *s = foal__ssl_of(tls);
  if (ctx->alpn_server.count > 0 || s == NULL) return &ctx->alpn_server;
  return &s->ctx->alpn_server;
}

static int on_select(SSL *tls, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *theirs, unsigned int len, void *arg)
{
  const foal__alpn *ours = list_for(tls, (const foal_ssl_ctx *)arg);
  foal_ssl *s = foal__ssl_of(tls);
  size_t offset = 0;
  if (ours->count == 0) return SSL_TLSEXT_ERR_NOACK;
  const char *name = foal__alpn_choose(ours, theirs, len, &offset);
  if (name == NULL || s == NULL) return SSL_TLSEXT_ERR_ALERT_FATAL;
  s->alpn = name;
  *out = theirs + offset;
  *out_len = theirs[offset - 1];
  return SSL_TLSEXT_ERR_OK;
}

void foal__alpn_install(foal_ssl_ctx *ctx)
{
  SSL_CTX_set_alpn_select_cb(ctx->tls, on_select, ctx);
}

bool foal__alpn_accept(foal_ssl *s, const SSL *tls)
{
  const unsigned char *name;
  unsigned len;
  const foal__alpn *offered = &s->ctx->alpn_client;
  SSL_get0_alpn_selected(tls, &name, &len);
  s->alpn = len > 0 ? foal__alpn_text(offered, name, len) : NULL;
  bool foreign = len > 0 && s->alpn == NULL;
  bool missing = len == 0 && offered->count > 0 && s->ctx->alpn_required;
  if (foreign || missing)
    s->stop = foreign ? FOAL__STOP_ALPN_FOREIGN : FOAL__STOP_ALPN_MISSING;
  return !foreign && !missing;
}
