/* Only the actor of a connection writes to it, in its turns.
 *
 * expect clang: reading variable 'conn' requires holding role 'foal_turn'
 * expect clang: calling function 'foal_conn_write' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static void greet(echo *self)
{
  foal_buf *b;
  if (foal_buf_from(&b, "hello", 5)) foal_conn_write(self->conn, &b);
}

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
  greet(self);
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
