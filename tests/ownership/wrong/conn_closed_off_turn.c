/* A helper that closes a connection runs in a turn and must say so.
 *
 * expect clang: calling function 'foal_conn_close' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static void hang_up(foal_conn *conn)
{
  foal_conn_close(conn);
}

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
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
  hang_up(self->conn);
}

static void echo_on_closed(echo *self, foal_err why)
{
  (void)self;
  (void)why;
}
