/* net_busy_test.c - a protocol with long turns: what the loop reads behind its back is
 * bounded, and so is what it reads at once of many connections; none of them is
 * forgotten, and none of those that the loop has not told of yet waits too long. */
#include "net_kit.h"

#include "net/impl/loop.h"

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

/* ---- when the loop runs ---- */

enum {
  SERVED_MAX = 512,
  CROWDED_POLLS = 32,
  PORTION = 16,
  READABLE = 20000, /* more than all polls of a test read */
};

/* A poller without a runtime, with sockets that only count. */
static foal__poller *bare;
static uv_prepare_t passes; /* called once whenever the loop runs */
static foal__due readable[READABLE];
static unsigned runs, served;

static void count_run(uv_prepare_t *handle)
{
  (void)handle;
  runs++;
}

static void count_served(foal__due *due)
{
  cr_assert_eq(due, &readable[served], "in the order in which they came");
  served++;
}

static void bare_open(unsigned sockets)
{
  cr_assert_eq(foal__poller_open(&bare, 0), FOAL_OK);
  cr_assert_eq(uv_prepare_init(foal__poller_loop(bare), &passes), 0);
  cr_assert_eq(uv_prepare_start(&passes, count_run), 0);
  foal__due_served_by(bare, count_served);
  for (unsigned i = 0; i < sockets; i++) foal__due_add(bare, &readable[i]);
}

static void bare_close(void)
{
  for (unsigned i = 0; i < READABLE; i++) foal__due_remove(bare, &readable[i]);
  uv_close((uv_handle_t *)&passes, NULL);
  foal__poller_close(&bare);
}

/* One poll; whether the loop ran. It never blocks while a socket is readable. */
static bool ran(bool may_block)
{
  unsigned before = runs;
  foal__poller_poll(bare, may_block ? FOAL__POLL_FOREVER : 0);
  cr_assert_leq(runs - before, 1);
  return runs != before;
}

Test(net_busy, the_loop_runs_when_512_were_read)
{
  bare_open(4 * SERVED_MAX);
  for (unsigned i = 0; i < 3; i++) {
    for (unsigned n = 0; n < SERVED_MAX; n += PORTION)
      cr_assert_eq(ran(true), i > 0 && n == 0, "%u", served);
    cr_assert_eq(served, (i + 1) * SERVED_MAX);
  }
  cr_assert(ran(true));
  bare_close();
}

Test(net_busy, the_loop_runs_when_actors_leave_no_pause)
{
  bare_open(READABLE);
  for (unsigned i = 0; i < 3; i++) {
    for (unsigned n = 0; n < CROWDED_POLLS; n++) cr_assert_not(ran(false), "%u", n);
    cr_assert(ran(false));
  }
  cr_assert_lt(served, SERVED_MAX, "by polls, not by sockets");
  bare_close();
}

Test(net_busy, a_pause_begins_the_count_of_polls_anew)
{
  bare_open(READABLE);
  for (unsigned n = 0; n < CROWDED_POLLS; n++) cr_assert_not(ran(false), "%u", n);
  cr_assert_not(ran(true));
  for (unsigned n = 0; n < CROWDED_POLLS; n++) cr_assert_not(ran(false), "%u", n);
  cr_assert(ran(false));
  cr_assert_lt(served, SERVED_MAX, "by polls, not by sockets");
  bare_close();
}

Test(net_busy, the_loop_runs_whenever_nothing_is_left_to_read)
{
  bare_open(1);
  cr_assert_not(ran(false));
  cr_assert_eq(served, 1);
  for (unsigned n = 0; n < 3; n++) cr_assert(ran(false));
  foal__poller_wake(bare);
  cr_assert(ran(true));
  bare_close();
}

/* Pauses may come in any rhythm. */
Test(net_busy, no_rhythm_of_pauses_puts_the_loop_off)
{
  for (unsigned crowded = 0; crowded <= CROWDED_POLLS; crowded++) {
    unsigned at = 0;
    served = 0;
    bare_open(READABLE);
    for (unsigned n = 0; n < 600; n++) {
      unsigned before = served;
      if (ran(n % (crowded + 1) == crowded)) at = before;
      cr_assert_lt(served - at, SERVED_MAX + PORTION, "%u crowded", crowded);
    }
    bare_close();
  }
}

/* A new connection, a word of another thread, a blocked write: all that the loop knows
 * comes while sockets are still readable. */
static unsigned handled_at;

static void note_served(uv_idle_t *handle)
{
  (void)handle;
  if (handled_at == 0) handled_at = served;
}

static void newcomer(bool may_block, unsigned most)
{
  static uv_idle_t comes;
  bare_open(READABLE);
  for (unsigned n = 0; n < 5; n++) (void)ran(may_block);
  unsigned from = served;
  cr_assert_eq(uv_idle_init(foal__poller_loop(bare), &comes), 0);
  cr_assert_eq(uv_idle_start(&comes, note_served), 0);
  for (unsigned n = 0; n <= CROWDED_POLLS; n++) (void)ran(may_block);
  cr_assert_gt(handled_at, 0);
  cr_assert_leq(handled_at - from, most);
  uv_close((uv_handle_t *)&comes, NULL);
  bare_close();
}

Test(net_busy, a_newcomer_waits_for_512_that_are_read_at_most)
{
  newcomer(true, SERVED_MAX);
}

Test(net_busy, a_newcomer_beside_actors_that_never_rest)
{
  newcomer(false, 4 * CROWDED_POLLS);
}
