/* A connection that a second actor got hold of through its own state cannot be used
 * outside a turn; inside one only FOAL_REF and the types stand guard
 * (docs/ownership.md).
 *
 * expect clang: calling function 'foal_conn_finish' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static foal_conn *shared;

static void finish_shared(void)
{
  foal_conn_finish(shared);
}

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
  shared = conn;
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
  finish_shared();
}
