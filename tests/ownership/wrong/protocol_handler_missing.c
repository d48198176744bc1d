/* A protocol answers all five events.
 *
 * expect clang: function 'echo_on_sendable' has internal linkage but is not defined
 * expect gcc: 'echo_on_sendable' used but never defined */
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
  foal_conn_write(self->conn, data);
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
