/* net_full_test.c - whoever sends a long answer in pieces, as a file, sends full writes:
 * a system call and a packet for as much as one can carry.
 *
 * On the fake backend: a write is held until the test has seen how long it is. The peer
 * speaks TLS 1.3, so that a record's overhead is known to the byte. */
#include "conformance/upgrade_kit.h"

TestSuite(net_full, .timeout = 60);

enum {
  TOTAL = 8000000,
  RECORD = 16384,
  SEALED = 5 + 1 + 16,
  FULL = 45 * 1448,
  NEARLY = FULL - 4096 - SEALED /* what is left is not worth a record */
};

typedef struct way {
  size_t head; /* what comes before, in a buffer of its own */
  size_t piece;
  bool heeds;   /* no piece is longer than the room */
  size_t room;  /* the connection's room_bytes */
  size_t least; /* of every write but the last ones */
  size_t cut;   /* of a hundred records, how many may not be one whole piece */
} way;

static const way *how;
static unsigned writes, short_ones;

static void say(talk *self, size_t len) FOAL_TURN;
static void say(talk *self, size_t len)
{
  foal_buf *b;
  if (len > TOTAL - self->sent) len = (size_t)(TOTAL - self->sent);
  kit_pattern(&b, self->sent, len);
  self->sent += len;
  foal_conn_write(self->conn, &b);
}

static void go_on(talk *self) FOAL_TURN;
static void go_on(talk *self)
{
  for (size_t room; self->sent < TOTAL && (room = foal_conn_room(self->conn)) > 0;)
    say(self, how->heeds && room < how->piece ? room : how->piece);
  if (self->sent == TOTAL) foal_conn_close(self->conn);
}

HOOK begins(talk *self, uint32_t arg)
{
  (void)arg;
  if (how->head > 0) say(self, how->head);
  go_on(self);
}

HOOK has_room(talk *self, size_t room)
{
  must(room > 0);
  go_on(self);
}

/* Sees one write after the other. */
static bool sees(unsigned n)
{
  if (n == 0) fake_arrive();
  if (n == 1) fake_peer_call(&up_other, 0);
  if (n == 2) fake(0)->taking = FAKE_HOLDS;
  if (n == 2) talk_tell(up_one, TALK_CALL, 0);
  if (n <= 2) return true;
  size_t len = fake_unwritten(0);
  if (len > 0) {
    must(len <= 4 * (RECORD + SEALED));
    writes++;
    if (len < how->least) short_ones++;
    must(fake_take(0, len) == len);
    return true;
  }
  if (!up_other.end_seen || fake(0)->end.err != FOAL_OK) return false;
  fake_peer_notify(&up_other);
  (void)fake_peer_move(&up_other);
  fake_end(0, FOAL_CLEAN);
  return true;
}

/* Of the records that went out, how many do not carry one whole piece. */
static size_t cut_records(size_t *all)
{
  size_t cut = 0;
  const foal__sock *s = fake(0);
  *all = 0;
  for (size_t at = 0; at + 5 <= s->out_len; (*all)++) {
    size_t len = (size_t)s->out[at + 3] << 8 | s->out[at + 4];
    if (5 + len != how->piece + SEALED) cut++;
    at += 5 + len;
  }
  return cut;
}

static void run_way(const way *w)
{
  foal_conn_options o = {.context = &up_plan, .room_bytes = (uint32_t)w->room};
  how = w;
  talk_called = begins;
  fake_step = sees;
  fake_react = fake_peers_move;
  up_plan.opened = up_remember;
  up_plan.sendable = has_room;
  up_plan.quiet = true;
  up_plan.last = 1;
  kit_start(1);
  talk_serve(&up_plan, kit_server_ctx, &o);
  kit_run();
  size_t all, cut = cut_records(&all);
  cr_expect_leq(short_ones, 2, "%zu: %u of %u", w->piece, short_ones, writes);
  cr_expect_leq(cut * 100, all * w->cut + 1000, "%zu: %zu of %zu", w->piece, cut, all);
  cr_assert_eq(up_other.got_len, TOTAL);
  cr_assert(kit_is_pattern(up_other.got, 0, TOTAL));
  fake_peers_end();
}

/* As the example sends files: four pieces are a packet, whatever came before them. */
Test(net_full, a_file_in_pieces_of_a_quarter)
{
  run_way(&(way){250, FULL / 4 - SEALED, true, FULL / 4 - SEALED, FULL, 0});
}

Test(net_full, a_file_in_pieces_of_a_record)
{
  run_way(&(way){250, RECORD, false, RECORD, NEARLY, 50});
}

Test(net_full, pieces_of_two_records)
{
  run_way(&(way){0, (size_t)2 * RECORD, true, (size_t)2 * RECORD, FULL, 100});
}

Test(net_full, small_pieces)
{
  run_way(&(way){17, 1000, false, RECORD, FULL - 1448, 100});
}

/* A record of its own for each, although that leaves some of a packet. */
Test(net_full, pieces_that_are_nearly_records)
{
  run_way(&(way){250, 13000, false, RECORD, NEARLY, 10});
}

Test(net_full, large_pieces)
{
  run_way(&(way){250, 100000, false, 65536, NEARLY, 100});
}
