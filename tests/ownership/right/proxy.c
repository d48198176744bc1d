/* Two connections that feed each other: tags of two protocols, buffers that only pass
 * through.
 *
 * accepted by every compiler */
#include "sink.h"

FOAL_TAG(inner)
FOAL_TAG(outer)
FOAL_SEND_ISO(inner, send)
FOAL_SEND0(inner, finish)
FOAL_SEND_ISO(outer, send)
FOAL_SEND0(outer, finish)

typedef struct inner {
  foal_conn *conn FOAL_REF;
  foal_bufq early FOAL_REF;
  outer_tag peer FOAL_REF;
} inner;
typedef struct outer {
  foal_conn *conn FOAL_REF;
  inner_tag peer FOAL_REF;
} outer;
FOAL_PROTOCOL(inner)
FOAL_HANDLE_ISO(inner, send)
FOAL_HANDLE0(inner, finish)
FOAL_BEHAVIOUR1(inner, pair, outer_tag, peer)
FOAL_PROTOCOL(outer)
FOAL_HANDLE_ISO(outer, send)
FOAL_HANDLE0(outer, finish)

static void inner_on_pair(inner *self, outer_tag peer)
{
  self->peer = peer;
}

static void inner_on_send(inner *self, foal_buf **b)
{
  if (self->conn != NULL)
    foal_conn_write(self->conn, b);
  else
    foal_bufq_put(&self->early, b);
}

static void inner_on_finish(inner *self)
{
  if (self->conn != NULL) foal_conn_finish(self->conn);
}

static void inner_on_opened(inner *self, foal_conn *conn)
{
  foal_buf *b;
  self->conn = conn;
  while (foal_bufq_take(&self->early, &b)) foal_conn_write(conn, &b);
}

static void inner_on_received(inner *self, foal_buf **data)
{
  outer_send(self->peer, data);
}

static void inner_on_sendable(inner *self, size_t room_bytes)
{
  (void)self;
  (void)room_bytes;
}

static void inner_on_ended(inner *self, foal_err why)
{
  if (why == FOAL_CLEAN)
    outer_finish(self->peer);
  else
    foal_conn_close(self->conn);
}

static void inner_on_closed(inner *self, foal_err why)
{
  foal_bufq_clear(&self->early);
  foal_actor_tell_end(self->peer.any, why);
}

static void outer_on_send(outer *self, foal_buf **b)
{
  foal_conn_write(self->conn, b);
}

static void outer_on_finish(outer *self)
{
  foal_conn_finish(self->conn);
}

static void outer_on_opened(outer *self, foal_conn *conn)
{
  foal_connect_options options = {0};
  options.host = "127.0.0.1";
  options.port = 8080;
  self->conn = conn;
  if (!inner_connect(&options, &self->peer)) {
    foal_conn_abort(conn, FOAL_NO_MEMORY);
    return;
  }
  inner_pair(self->peer, outer_self(self));
}

static void outer_on_received(outer *self, foal_buf **data)
{
  inner_send(self->peer, data);
}

static void outer_on_sendable(outer *self, size_t room_bytes)
{
  (void)self;
  (void)room_bytes;
}

static void outer_on_ended(outer *self, foal_err why)
{
  if (why == FOAL_CLEAN)
    inner_finish(self->peer);
  else
    foal_conn_close(self->conn);
}

static void outer_on_closed(outer *self, foal_err why)
{
  foal_actor_tell_end(self->peer.any, why);
}
