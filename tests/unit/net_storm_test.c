/* net_storm_test.c - many connections whose ends do anything at any time, on several
 * workers.
 *
 * Every action comes from a random number that depends on nothing but its connection's
 * number. What is checked: the laws of the handlers (in net_kit.c), received bytes are a
 * prefix of the pattern, and at the end nothing is left and everything is counted. */
#include "net_kit.h"

enum { TOTAL = 400, AT_ONCE = 24 };
static point_plan server, client;
static atomic_uint started, numbers;
static foal_ssl_ctx *client_ctx;

static uint32_t next_random(point *self)
{
  self->step = self->step * 1664525u + 1013904223u;
  return self->step >> 16;
}

static void act(point *self) FOAL_TURN;
static void act(point *self)
{
  foal_buf *b;
  switch (next_random(self) % 16) {
  case 0:
    foal_conn_close(self->conn);
    break;
  case 1:
    foal_conn_finish(self->conn);
    break;
  case 2:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  case 3:
    foal_conn_mute(self->conn);
    point_poke(point_me(self), 1);
    break;
  case 4:
    foal_conn_expect(self->conn, next_random(self) % 3000);
    break;
  case 5:
    foal_actor_end(FOAL_ENDED);
    break;
  case 6:
    (void)!foal_conn_key_update(self->conn);
    break;
  case 7:
    foal_conn_idle(self->conn, 1 + next_random(self) % 50);
    break;
  case 8:
    kit_stream(self, self->sent + 200000);
    break;
  default:
    kit_pattern(&b, self->sent, 1 + next_random(self) % 5000);
    self->sent += foal_buf_len(b);
    foal_conn_write(self->conn, &b);
  }
}

HOOK storm_opened(point *self)
{
  self->step = ++numbers * 2654435761u;
  foal_conn_idle(self->conn, 100); /* those that wait for each other */
  act(self);
  point_poke(point_me(self), 0);
}

HOOK storm_received(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
  act(self);
}

HOOK storm_sendable(point *self, size_t room)
{
  (void)room;
  act(self);
}

HOOK storm_ended(point *self, foal_err why)
{
  must(why == FOAL_CLEAN || why == FOAL_INCOMPLETE); /* in pieces of drawn size */
  act(self);
}

HOOK storm_poked(point *self, uint32_t what)
{
  if (self->conn == NULL || self->done) return;
  if (what == 1) foal_conn_unmute(self->conn);
  act(self);
}

static void another(void)
{
  if (started++ >= TOTAL) return;
  (void)kit_connect(&client, server.listener.port, client_ctx, NULL);
}

HOOK storm_closed(point *self, foal_err why)
{
  (void)why;
  if (self->plan == &client) another();
}

static void storm(bool tls, uint32_t workers)
{
  foal_conn_options options = {.linger_ms = 100};
  server = (point_plan){.opened = storm_opened,
                        .received = storm_received,
                        .sendable = storm_sendable,
                        .ended = storm_ended,
                        .closed = storm_closed};
  client = server;
  client.last = TOTAL;
  point_poked = storm_poked;
  kit_start(workers);
  client_ctx = tls ? kit_client_ctx : NULL;
  kit_listen(&server, tls ? kit_server_ctx : NULL, &options);
  client.listener = server.listener;
  for (int i = 0; i < AT_ONCE; i++) another();
  kit_run();
  cr_assert_eq(client.closed_count, TOTAL);
}

Test(net_storm, plain, .timeout = 60)
{
  storm(false, 1);
}
Test(net_storm, plain_workers, .timeout = 60)
{
  storm(false, 4);
}
Test(net_storm, tls, .timeout = 60)
{
  storm(true, 1);
}
Test(net_storm, tls_workers, .timeout = 60)
{
  storm(true, 4);
}
