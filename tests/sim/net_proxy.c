/* net_proxy.c - client, proxy and server: two connections that share their fate.
 *
 * The proxy is that of examples/proxy_tls.c in small: each side sends the other what it
 * receives and is at most a window ahead of what the other had room for. TLS in front,
 * plain or TLS behind. Both streams arrive whole through it, a half-close passes, and a
 * side that fails takes the other with it. */
#include "net_tip.h"

#include "scenarios.h"

enum { CLIENTS_MAX = 4, BYTES_MAX = 60000, SPREAD_MS = 20, WINDOW_BYTES_MAX = 20000 };

typedef struct side side;
FOAL_TAG(side)
struct side {
  foal_conn *conn FOAL_REF;
  side_tag other;
  size_t ahead_bytes; /* sent to the other side, which has not said that it has room */
  size_t owed_bytes;  /* of the other's, to be said when there is room again */
};
FOAL_PROTOCOL(side)
FOAL_BEHAVIOUR1(side, meet, side_tag, other)
FOAL_BEHAVIOUR_ISO(side, forward)
FOAL_BEHAVIOUR1(side, taken, size_t, bytes)
FOAL_BEHAVIOUR0(side, finish)
FOAL_BEHAVIOUR1(side, hang_up, foal_err, why)

static tip_plan client, server;
static foal_connect_options upstream;
static foal_listener listener;
static size_t window_bytes;
static uint32_t opened, closed;

static void side_on_opened(side *self, foal_conn *conn)
{
  self->conn = conn;
  opened++;
  if (!foal_tag_is_nobody(self->other.any)) { /* the upstream is there: go */
    side_taken(self->other, 0);
    return;
  }
  foal_conn_mute(conn);
  if (side_connect(&upstream, &self->other)) {
    side_meet(self->other, side_self(self));
  } else {
    foal_conn_abort(conn, FOAL_NO_MEMORY);
  }
}

static void side_on_meet(side *self, side_tag other)
{
  self->other = other;
}

static void side_on_received(side *self, foal_buf **data)
{
  self->ahead_bytes += foal_buf_len(*data);
  if (self->ahead_bytes >= window_bytes) {
    foal_conn_mute(self->conn);
    foal_sim_mark("window_full");
  }
  side_forward(self->other, data);
}

static void side_on_forward(side *self, foal_buf **data)
{
  self->owed_bytes += foal_buf_len(*data);
  if (self->conn == NULL) {
    foal_buf_drop(data);
    return;
  }
  foal_conn_write(self->conn, data);
  side_on_sendable(self, foal_conn_room(self->conn));
}

static void side_on_sendable(side *self, size_t room)
{
  if (room == 0 || self->owed_bytes == 0) return;
  side_taken(self->other, self->owed_bytes);
  self->owed_bytes = 0;
}

static void side_on_taken(side *self, size_t bytes)
{
  FOAL_SIM_CHECK(bytes <= self->ahead_bytes);
  self->ahead_bytes -= bytes;
  if (self->ahead_bytes < window_bytes && self->conn != NULL)
    foal_conn_unmute(self->conn);
}

static void side_on_ended(side *self, foal_err why)
{
  if (why == FOAL_CLEAN) side_finish(self->other);
  if (why == FOAL_STOPPED) foal_conn_close(self->conn);
}

static void side_on_finish(side *self)
{
  if (self->conn != NULL) foal_conn_finish(self->conn);
}

static void side_on_closed(side *self, foal_err why)
{
  closed++;
  if (!foal_tag_is_nobody(self->other.any)) side_hang_up(self->other, why);
}

static void side_on_hang_up(side *self, foal_err why)
{
  foal_sim_mark("hung_up");
  if (self->conn == NULL) {
    foal_actor_end(why); /* still connecting */
  } else if (why == FOAL_CLEAN || why == FOAL_LOCAL) {
    foal_conn_close(self->conn);
  } else {
    foal_conn_abort(self->conn, why);
  }
}

static bool start(void)
{
  foal_listener behind;
  tip_begin();
  opened = closed = 0;
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.then = TIP_FINISH, .echo = foal_sim_draw(2) == 0};
  tip_draw(&client, BYTES_MAX);
  tip_draw(&server, BYTES_MAX);
  client.habits &= ~(uint32_t)TIP_EXPECTS;
  server.habits &= ~(uint32_t)TIP_EXPECTS;
  window_bytes = foal_sim_size(WINDOW_BYTES_MAX);
  bool inside = foal_sim_draw(2) == 0; /* TLS behind, too */
  tip_draw_tls(&client, &server);
  foal_ssl_ctx *front = kit_context(KIT_SERVER);
  if (server.ctx == kit_context(KIT_SERVER_MUTUAL)) server.ctx = front;
  if (!inside) server.ctx = NULL;
  if (!tip_listen(&server, &behind)) return false;
  upstream = (foal_connect_options){.host = "127.0.0.1",
                                    .port = behind.port,
                                    .ctx = inside ? kit_context(KIT_CLIENT_ANY) : NULL,
                                    .verify_name = "a.test",
                                    .conn = server.conn};
  foal_listen_options where = {.host = "127.0.0.1", .ctx = front, .conn = client.conn};
  foal_err err = side_listen(&where, &listener);
  if (err != FOAL_OK) foal_sim_fail("listen: %s", foal_err_name(err));
  return tip_dial_many(&client, listener.port, foal_sim_size(CLIENTS_MAX), SPREAD_MS);
}

static void check(void)
{
  tip_check(false);
  FOAL_SIM_CHECK(opened <= closed);
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    if (kit_trouble() != 0) continue;
    FOAL_SIM_CHECK(log->why == FOAL_CLEAN && log->partner != NULL);
    FOAL_SIM_CHECK(log->got == log->partner->written);
  }
  tip_begin();
}

static const char *const marks[] = {"window_full", "hung_up", "ended_clean", NULL};

const foal_scenario net_proxy = {
    .name = "net_proxy",
    .about = "streams through a proxy, TLS in front, plain or TLS behind",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
};
