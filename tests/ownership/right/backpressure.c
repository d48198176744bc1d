/* A sender that writes while there is room and goes on when it is told to.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct source {
  foal_conn *conn FOAL_REF;
  uint64_t left_bytes FOAL_REF;
} source;
FOAL_TAG(source)
FOAL_PROTOCOL(source)

static void pour(source *self) FOAL_TURN;

static void source_on_opened(source *self, foal_conn *conn)
{
  self->conn = conn;
  self->left_bytes = 1000000;
  pour(self);
}

static void source_on_received(source *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

static void source_on_sendable(source *self, size_t room_bytes)
{
  if (room_bytes > 0) pour(self);
}

static void source_on_ended(source *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void source_on_closed(source *self, foal_err why)
{
  (void)self;
  (void)why;
}

static void pour(source *self)
{
  while (self->left_bytes > 0 && foal_conn_room(self->conn) > 0) {
    foal_buf *b;
    if (!foal_buf_new(&b, 16384)) return;
    while (foal_buf_room(b) > 0 && self->left_bytes > 0) {
      foal_buf_append(b, "x", 1);
      self->left_bytes--;
    }
    foal_conn_write(self->conn, &b);
  }
  if (self->left_bytes == 0) foal_conn_close(self->conn);
}
