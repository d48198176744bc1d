/* config.h - what all connections of a listener, or one connect, have in common.
 *
 * Counted and never changed while more than one holds it, so any worker may read it. A
 * listener that gets another TLS context makes a new one; connections keep theirs. */
#ifndef FOAL_NET_IMPL_CONFIG_H
#define FOAL_NET_IMPL_CONFIG_H

#include "../../runtime/impl/worker.h"
#include "../protocol.h"

typedef struct foal__config {
  foal__refs refs;
  const foal_protocol *protocol;
  foal_ssl_ctx *ctx;         /* one handle; NULL: plain */
  foal_conn_options options; /* with the defaults filled in */
  foal_tag listener;         /* who counts the connection; nobody for a client */
  const char *host;          /* in text */
  const char *verify_name;   /* in text */
  const char *session;       /* in text, secret */
  size_t session_bytes;      /* 0: none */
  foal_ssl_ticket *ticket;   /* one handle; NULL: none */
  size_t text_bytes;
  uint16_t port;
  char text[];
} foal__config;

/* Makes one handle; host and name are copied, NULL is "". ctx is shared. NULL: no
 * memory. */
foal__config *foal__config_new(const foal_protocol *protocol,
                               const foal_connect_options *options) FOAL_MUST;

/* The same with another context, which is moved in also on failure. NULL: no memory. */
foal__config *foal__config_with(const foal__config *config, foal_ssl_ctx **ctx) FOAL_MUST;

/* One more handle. */
foal__config *foal__config_share(foal__config *config) FOAL_MUST;

/* One handle less; *config is NULL on return. */
void foal__config_drop(foal__config **config);

#endif
