/* Writes a buffer of which nobody knows whether it was made.
 *
 * expect clang: releasing iso 'b' that was not held
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
  foal_buf *b;
  bool made = foal_buf_from(&b, "hello", 5);
  foal_conn_write(conn, &b);
  if (!made) foal_conn_close(conn);
}

static void echo_on_received(echo *self, foal_buf **data)
{
  foal_conn_write(self->conn, data);
}

static void echo_on_sendable(echo *self, size_t room_bytes)
{
  (void)self;
  (void)room_bytes;
}

static void echo_on_ended(echo *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void echo_on_closed(echo *self, foal_err why)
{
  (void)self;
  (void)why;
}
