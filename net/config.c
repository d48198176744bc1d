/* config.c - the shared, counted settings of connections. */
#include "impl/config.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"

#include <string.h>

enum {
  CONNECT_MS = 30000,
  HANDSHAKE_MS = 10000,
  WRITE_MS = 30000,
  LINGER_MS = 2000,
  LINGER_BYTES = 65536,
  ROOM_BYTES = 32768,
  QUEUE_BYTES_MAX = 4 << 20,
};

static void set_default(uint32_t *value, uint32_t fallback)
{
  if (*value == 0) *value = fallback;
}

static foal_conn_options with_defaults(foal_conn_options o)
{
  set_default(&o.connect_ms, CONNECT_MS);
  set_default(&o.handshake_ms, HANDSHAKE_MS);
  set_default(&o.write_ms, WRITE_MS);
  set_default(&o.linger_ms, LINGER_MS);
  set_default(&o.linger_bytes, LINGER_BYTES);
  set_default(&o.room_bytes, ROOM_BYTES);
  set_default(&o.queue_bytes_max, QUEUE_BYTES_MAX);
  return o;
}

/* What lies in the text of a config. */
typedef struct parts {
  const char *host, *name;
  const void *session;
  size_t session_bytes;
} parts;

/* Everything but the context. */
static foal__config *make(const foal_protocol *protocol, const parts *p)
{
  size_t host_size = strlen(p->host) + 1, name_size = strlen(p->name) + 1;
  size_t text_bytes = host_size + name_size + p->session_bytes;
  foal_assert(protocol != NULL && protocol->closed != NULL);
  foal__config *c = foal__alloc(sizeof *c + text_bytes);
  if (c == NULL) return NULL;
  memset(c, 0, sizeof *c);
  foal__refs_begin(&c->refs);
  c->protocol = protocol;
  memcpy(c->text, p->host, host_size);
  memcpy(c->text + host_size, p->name, name_size);
  if (p->session_bytes > 0)
    memcpy(c->text + host_size + name_size, p->session, p->session_bytes);
  c->host = c->text;
  c->verify_name = c->text + host_size;
  c->session = c->text + host_size + name_size;
  c->session_bytes = p->session_bytes;
  c->text_bytes = text_bytes;
  return c;
}

FOAL_TRUSTED static parts parts_of(const foal_connect_options *options)
{
  parts p = {.host = options->host != NULL ? options->host : ""};
  p.name = options->verify_name != NULL ? options->verify_name : p.host;
  if (options->session == NULL) return p;
  p.session = foal_buf_data(options->session);
  p.session_bytes = foal_buf_len(options->session);
  return p;
}

foal__config *foal__config_new(const foal_protocol *protocol,
                               const foal_connect_options *options)
{
  foal_assert(options != NULL);
  parts p = parts_of(options);
  foal__config *c = make(protocol, &p);
  if (c == NULL) return NULL;
  c->options = with_defaults(options->conn);
  c->port = options->port;
  if (options->ticket != NULL) c->ticket = foal_ssl_ticket_share(options->ticket);
  if (options->ctx == NULL) return c;
  c->ctx = foal_ssl_ctx_share(options->ctx);
  if (c->ctx == NULL) foal__config_drop(&c);
  return c;
}

foal__config *foal__config_with(const foal__config *config, foal_ssl_ctx **ctx)
{
  foal_assert(config != NULL && ctx != NULL && *ctx != NULL);
  parts p = {config->host, config->verify_name, config->session, config->session_bytes};
  foal__config *c = make(config->protocol, &p);
  if (c == NULL) {
    foal_ssl_ctx_drop(ctx);
    return NULL;
  }
  c->options = config->options;
  c->listener = config->listener;
  c->port = config->port;
  if (config->ticket != NULL) c->ticket = foal_ssl_ticket_share(config->ticket);
  c->ctx = *ctx;
  *ctx = NULL;
  return c;
}

foal__config *foal__config_share(foal__config *config)
{
  foal_assert(config != NULL);
  foal__refs_share(&config->refs);
  return config;
}

void foal__config_drop(foal__config **config)
{
  foal_assert(config != NULL && *config != NULL);
  foal__config *c = *config;
  *config = NULL;
  if (!foal__refs_drop(&c->refs)) return;
  if (c->ctx != NULL) foal_ssl_ctx_drop(&c->ctx);
  foal_ssl_ticket_drop(&c->ticket);
  explicit_bzero(c->text, c->text_bytes); /* the session holds keys */
  foal__free(c);
}
