/* conn_more.c - receipts, the next stage, the upgrade to TLS, settings.
 *
 * Runs in turns of the connection's actor, like everything that touches a connection. A
 * receipt is given when the TCP actor has answered for the write that carried its last
 * byte; those that are left when the connection ends are given then, before `closed`. */
#include "impl/conn_state.h"

#include "../runtime/impl/assert.h"

#include <string.h>

enum { KEEPALIVE_S_MAX = 32767, SOCKET_BYTES_MAX = 1 << 30 };

/* ---- receipts ---- */

static void give(foal_conn *c, bool all, foal_err how) FOAL_TURN;
static void give(foal_conn *c, bool all, foal_err how)
{
  uint64_t token;
  if (c->receipts == NULL) return;
  /* What the handler sends meanwhile waits: empty pieces are due at once, and a handler
   * that sends one for each would never come to an end. */
  uint32_t most = foal__receipts_count(c->receipts);
  while (most-- > 0 && c->receipts != NULL &&
         foal__receipts_take(c->receipts, all, &token)) {
    if (c->protocol->receipt != NULL) c->protocol->receipt(foal__user_of(c), token, how);
  }
}

void foal__conn_settle(foal_conn *c)
{
  foal_assert(c->config != NULL);
  give(c, false, FOAL_OK);
}

void foal__conn_settle_all(foal_conn *c, foal_err why)
{
  foal_assert(c->phase == FOAL__CONN_CLOSED && why != FOAL_OK);
  give(c, false, FOAL_OK); /* empty ones that this turn had no time for */
  give(c, true, why);
}

static foal_err owe(foal_conn *c, size_t bytes, uint64_t token) FOAL_TURN;
static foal_err owe(foal_conn *c, size_t bytes, uint64_t token)
{
  if (!foal__conn_bears(c, bytes)) return FOAL_FULL;
  if (c->receipts == NULL)
    c->receipts = foal__receipts_new(foal__conn_queued(c), !c->credit);
  if (c->receipts == NULL) return FOAL_NO_MEMORY;
  if (foal__receipts_count(c->receipts) == FOAL_RECEIPTS_MAX) return FOAL_FULL;
  return foal__receipts_owe(c->receipts, bytes, token) ? FOAL_OK : FOAL_NO_MEMORY;
}

foal_err foal_conn_send(foal_conn *conn, foal_buf **data, uint64_t token)
{
  foal_assert(conn != NULL && data != NULL && *data != NULL);
  foal_assert(conn->protocol->receipt != NULL); /* FOAL_PROTOCOL_RECEIPTS */
  size_t bytes = foal_buf_len(*data);
  foal_err err = FOAL_BAD_STATE;
  if (conn->phase == FOAL__CONN_OPEN && !conn->finish) err = owe(conn, bytes, token);
  if (err == FOAL_OK && bytes > 0) {
    foal__conn_accept(conn, data);
    return FOAL_OK;
  }
  if (err == FOAL_OK) foal__conn_schedule(conn);
  foal_buf_drop(data);
  return err;
}

/* ---- stages ---- */

/* The type stays: another table of handlers over the same state. */
void foal__conn_become(foal_conn *conn, const foal_protocol *protocol)
{
  foal_assert(conn != NULL && conn->config != NULL && protocol != NULL);
  foal_assert(protocol->type.size == conn->protocol->type.size);
  foal_assert(strcmp(protocol->type.name, conn->protocol->type.name) == 0);
  conn->protocol = protocol;
  if (protocol->receipt == NULL) foal__receipts_drop(&conn->receipts);
}

void foal_conn_yield(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->phase >= FOAL__CONN_CLOSING || conn->yielded) return;
  conn->yielded = true;
  foal__conn_schedule(conn);
}

/* ---- from plain to TLS ---- */

static foal_err may_upgrade(const foal_conn *c) FOAL_TURN;
static foal_err may_upgrade(const foal_conn *c)
{
  if (foal__conn_is_tls(c) || c->phase != FOAL__CONN_OPEN) return FOAL_BAD_STATE;
  if (c->finish || c->muted || c->eof || c->ended) return FOAL_BAD_STATE;
  return foal_bufq_count(&c->in) > 0 ? FOAL_EARLY_BYTES : FOAL_OK;
}

static foal_err make_session(foal_conn *c, foal_ssl_ctx *ctx, const char *name) FOAL_TURN;
static foal_err make_session(foal_conn *c, foal_ssl_ctx *ctx, const char *name)
{
  bool server = !foal_tag_is_nobody(c->config->listener);
  foal_err err = foal_ssl_ctx_freeze(ctx);
  if (err != FOAL_OK) return err;
  if (server && !foal_ssl_ctx_can_serve(ctx)) return FOAL_BAD_STATE;
  if (name == NULL) name = c->config->verify_name;
  c->ssl = server ? foal_ssl_server(ctx) : foal_ssl_client(ctx, name);
  if (c->ssl == NULL) return FOAL_NO_MEMORY;
  if (!foal__conn_has_failed(c)) return FOAL_OK;
  err = foal_ssl_error(c->ssl);
  foal_ssl_free(&c->ssl);
  return err;
}

foal_err foal_conn_start_tls(foal_conn *conn, foal_ssl_ctx *ctx, const char *name)
{
  foal_assert(conn != NULL && conn->config != NULL && ctx != NULL);
  foal_err err = may_upgrade(conn);
  if (err == FOAL_OK) err = make_session(conn, ctx, name);
  if (err != FOAL_OK) return err;
  /* Not a send that may fail unseen: the handshake would have no deadline. */
  void *upgrade = foal__message(&foal__tcp__be_upgrade);
  if (upgrade == NULL) {
    foal_ssl_free(&conn->ssl);
    return FOAL_NO_MEMORY;
  }
  conn->phase = FOAL__CONN_HANDSHAKE;
  foal__set_late(foal__self_tag(foal__user_of(conn)), true);
  conn->stalled = false; /* nothing was left; it would hide how the handshake ends */
  foal__post_args(conn->tcp.any, upgrade);
  foal__conn_schedule(conn);
  return FOAL_OK;
}

/* ---- settings ---- */

static bool is_sane(foal_conn_option option, uint32_t value)
{
  switch (option) {
  case FOAL_CONN_NAGLE:
    return value <= 1;
  case FOAL_CONN_KEEPALIVE_S:
    return value <= KEEPALIVE_S_MAX;
  case FOAL_CONN_RECEIVE_BYTES:
  case FOAL_CONN_SEND_BYTES:
    return value > 0 && value <= SOCKET_BYTES_MAX;
  }
  return false;
}

foal_err foal_conn_set(foal_conn *conn, foal_conn_option option, uint32_t value)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (!is_sane(option, value)) return FOAL_BAD_ARGUMENT;
  if (conn->phase != FOAL__CONN_OPEN) return FOAL_BAD_STATE;
  foal__tcp_set(conn->tcp, option, value);
  return FOAL_OK;
}

foal_conn_counts foal_conn_bytes(const foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  return (foal_conn_counts){conn->received, conn->accepted, foal__conn_queued(conn)};
}

size_t foal_conn_local(const foal_conn *conn, char *text, size_t size)
{
  char whole[FOAL__ADDR_TEXT_MAX];
  foal_assert(conn != NULL && conn->config != NULL && text != NULL);
  _Static_assert(sizeof whole == FOAL_ADDR_TEXT_BYTES, "what conn.h promises");
  foal__addr_text(&conn->local, whole);
  size_t len = strlen(whole);
  if (size == 0) return len;
  size_t copied = len < size ? len : size - 1;
  memcpy(text, whole, copied);
  text[copied] = '\0';
  return len;
}
