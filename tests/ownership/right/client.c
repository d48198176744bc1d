/* A client that connects, asks, collects the answer in a queue and reports at the end.
 *
 * accepted by every compiler */
#include "sink.h"

typedef struct fetch {
  foal_conn *conn FOAL_REF;
  foal_bufq answer FOAL_REF;
  sink_tag to FOAL_REF;
} fetch;
FOAL_TAG(fetch)
FOAL_PROTOCOL(fetch)
FOAL_BEHAVIOUR1(fetch, aim, sink_tag, to)

static void fetch_on_aim(fetch *self, sink_tag to)
{
  self->to = to;
}

static void fetch_on_opened(fetch *self, foal_conn *conn)
{
  foal_buf *question;
  self->conn = conn;
  if (!foal_buf_from(&question, "GET /\r\n", 7)) {
    foal_conn_abort(conn, FOAL_NO_MEMORY);
    return;
  }
  foal_conn_write(conn, &question);
  foal_conn_finish(conn);
}

static void fetch_on_received(fetch *self, foal_buf **data)
{
  if (foal_bufq_bytes(&self->answer) > 100000) {
    foal_conn_abort(self->conn, FOAL_LIMIT);
    foal_buf_drop(data);
    return;
  }
  foal_bufq_put(&self->answer, data);
}

static void fetch_on_sendable(fetch *self, size_t room_bytes)
{
  (void)self;
  (void)room_bytes;
}

static void fetch_on_ended(fetch *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void fetch_on_closed(fetch *self, foal_err why)
{
  foal_buf *b;
  while (foal_bufq_take(&self->answer, &b)) {
    if (why == FOAL_CLEAN)
      sink_put(self->to, &b);
    else
      foal_buf_drop(&b);
  }
}

void run(sink_tag to)
{
  fetch_tag one;
  foal_connect_options options = {0};
  options.host = "example.org";
  options.port = 80;
  if (fetch_connect(&options, &one)) fetch_aim(one, to);
}
