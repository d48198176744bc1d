/* Whether the port could be bound must be asked.
 *
 * expect clang: ignoring return value of function
 * expect gcc: ignoring return value */
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

int main(void)
{
  foal_listener door;
  if (foal_start(NULL) != FOAL_OK) return 1;
  echo_listen(&(foal_listen_options){.port = 7007}, &door);
  return foal_run();
}
