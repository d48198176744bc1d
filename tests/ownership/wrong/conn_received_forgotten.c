/* The bytes of the peer go nowhere.
 *
 * expect clang: iso 'data' is still held at the end of function */
#include "sink.h"

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
}

static void echo_on_received(echo *self, foal_buf **data)
{
  if (foal_buf_len(*data) == 0) foal_conn_close(self->conn);
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
