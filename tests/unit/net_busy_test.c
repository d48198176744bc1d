/* net_busy_test.c - a protocol with long turns: what the loop reads behind its back is
 * bounded, and so is what it reads at once of many connections; none of them is
 * forgotten. */
#include "net_kit.h"

enum {
  FLOOD_BYTES = 8000000,
  PIECE = 50000,
  INPUT = 131072 + 65536, /* the window, and what a session or queue may hold of it */
  NEIGHBOURS = 8,
  CROWD = 64
};
static point_plan server;
static atomic_ullong flooded;

/* A long turn, until the peer has filled what the system has for it. */
HOOK takes_slowly(point *self, foal_buf **data)
{
  foal_counters c;
  foal_counters_read(&c);
  must(c.bytes_in - (int64_t)self->got <= INPUT);
  while (self->got == 0 && flooded < 4 * INPUT) peer_pause(1);
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
}

/* Others that take long, too: the loop reads several times between two turns of the
 * connection. */
typedef struct neighbour {
  uint32_t me;
} neighbour;
FOAL_TAG(neighbour)
FOAL_ACTOR(neighbour)
FOAL_BEHAVIOUR1(neighbour, work, uint32_t, me)
static neighbour_tag neighbours[NEIGHBOURS];

static void neighbour_on_work(neighbour *self, uint32_t me)
{
  self->me = me;
  if (server.closed_count > 0) return;
  peer_pause(1);
  neighbour_work(neighbours[me], me);
}

static void floods(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  for (size_t at = 0; at < FLOOD_BYTES; at += PIECE) {
    foal_buf *b;
    kit_pattern(&b, at, PIECE);
    peer_say(&p, foal_buf_data(b), PIECE);
    foal_buf_drop(&b);
    peer_send(&p, 0);
    flooded += PIECE;
  }
  peer_fin(&p);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

static void start_neighbours(void)
{
  for (uint32_t i = 0; i < NEIGHBOURS; i++) {
    must(neighbour_spawn(&neighbours[i]));
    neighbour_work(neighbours[i], i);
  }
}

Test(net_busy, what_is_read_meanwhile_is_bounded, .timeout = 60)
{
  server.received = takes_slowly;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, NULL, NULL);
  kit_peer(floods, server.listener.port);
  start_neighbours();
  kit_run();
  cr_assert_eq(server.received_bytes, FLOOD_BYTES);
}

/* ---- many at once ---- */

static atomic_uint handled, spoken; /* messages of one byte */
static int64_t at_once_max = CROWD;

/* The first one lasts until all have spoken; the next sees what was read meanwhile. */
HOOK echoes_one(point *self, foal_buf **data)
{
  foal_counters c;
  must(foal_buf_len(*data) == 1);
  unsigned before = handled++;
  while (before == 0 && spoken < CROWD) peer_pause(1);
  foal_counters_read(&c);
  must(before != 1 || c.bytes_in - 1 <= at_once_max);
  foal_conn_write(self->conn, data);
}

static void crowds(uint16_t port)
{
  static peer peers[CROWD];
  for (unsigned i = 0; i < CROWD; i++) peer_open(&peers[i], port);
  peer_wait(&server.opened_count, CROWD);
  for (unsigned i = 0; i < CROWD; i++) {
    peer_say(&peers[i], "x", 1);
    peer_send(&peers[i], 0);
    spoken++;
    if (i == 0) peer_wait(&handled, 1);
  }
  for (unsigned i = 0; i < CROWD; i++) {
    uint8_t byte = 0;
    must(peer_read(&peers[i], &byte, 1) == 1 && byte == 'x');
  }
  for (unsigned i = 0; i < CROWD; i++) peer_close(&peers[i]);
}

static void crowd(bool busy)
{
  server.received = echoes_one;
  kit_start(1);
  server.last = CROWD;
  kit_listen(&server, NULL, NULL);
  kit_peer(crowds, server.listener.port);
  if (busy) {
    start_neighbours(); /* the network must not wait for them: more is read */
  } else {
    at_once_max = CROWD / 2;
  }
  kit_run();
  cr_assert_eq(server.closed_count, CROWD);
}

Test(net_busy, many_at_once_are_read_in_portions, .timeout = 60)
{
  crowd(false);
}

Test(net_busy, many_at_once_beside_actors_that_never_rest, .timeout = 60)
{
  crowd(true);
}
