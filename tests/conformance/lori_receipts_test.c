/* lori_receipts_test.c - receipts when everything goes wrong: exactly one for each
 * accepted piece, in order, before `closed`, and never a false one.
 *
 * On the fake backend, so the test knows what the system has taken. Beyond the rows. */
#include "fake_transport.h"
#include "lori_kit.h"

TestSuite(conf_lori_more, .timeout = 60);

enum { FIRST_PORT = 5000 };

static talk_plan plan;
static talk_tag one;

static uint16_t port_next = FIRST_PORT;

static void dial(talk_plan *of, talk_tag *out, const foal_conn_options *options)
{
  foal_connect_options o = {.host = "192.0.2.7", .port = port_next++};
  if (options != NULL) o.conn = *options;
  o.conn.context = of;
  cr_assert(talk_try_connect(&o, out));
}

static void play(bool (*step)(unsigned n))
{
  fake_step = step;
  kit_run();
}

/* ---- any order of events ---- */

enum { LINES = 24, PIECES_MAX = 400, STEPS = 1500, SEND_MAX = 70000, SEEDS = 12 };

typedef struct line {
  talk_plan plan;
  talk_tag tag;
  unsigned sock;
  uint64_t end[PIECES_MAX]; /* where each accepted piece ends in the stream */
  unsigned accepted, settled;
  bool failing; /* a receipt was a failure */
} line;

static line lines[LINES];
static uint64_t rng;

static uint64_t draw(uint64_t below)
{
  rng ^= rng << 13;
  rng ^= rng >> 7;
  rng ^= rng << 17;
  return rng % below;
}

static line *line_of(const talk *self)
{
  return (line *)(void *)self->plan; /* the first member */
}

HOOK send_piece(talk *self, uint32_t len)
{
  line *l = line_of(self);
  if (l->accepted == PIECES_MAX) return;
  unsigned before = l->settled;
  foal_err err = talk_send(self, len, l->accepted);
  must(err == FOAL_OK || err == FOAL_BAD_STATE || err == FOAL_FULL);
  if (err == FOAL_OK) l->end[l->accepted++] = self->sent;
  must(l->settled == before); /* never from inside the call */
}

HOOK chaos_receipt(talk *self, uint64_t token, foal_err how)
{
  line *l = line_of(self);
  must(l->plan.closed_count == 0);
  must(token == l->settled && l->settled < l->accepted);
  l->settled++;
  if (how != FOAL_OK) l->failing = true;
  must(how == FOAL_OK ? !l->failing : l->failing);
  if (how == FOAL_OK) must(fake(l->sock)->out_len >= l->end[token]);
  uint64_t luck = draw(40);
  if (luck < 4) send_piece(self, (uint32_t)draw(2000));
  if (luck == 4) foal_conn_close(self->conn);
  if (luck == 5) foal_conn_abort(self->conn, FOAL_LOCAL);
  if (luck == 6) foal_actor_end(FOAL_ENDED);
}

HOOK chaos_closed(talk *self, foal_err why)
{
  line *l = line_of(self);
  (void)why;
  must(l->settled == l->accepted);
  send_piece(self, 1);
  must(l->settled == l->accepted);
}

static uint32_t some_bytes(void)
{
  static const uint32_t most[] = {1, 20, 3000, SEND_MAX};
  return (uint32_t)draw(most[draw(4)] + 1);
}

static void act_on_wire(line *l)
{
  static const uint8_t words[] = "what the peer says";
  foal__sock *s = fake(l->sock);
  if (s->dialing || s->closing) return;
  uint64_t luck = draw(60);
  s->taking = (fake_taking)(draw(50) == 0 ? FAKE_FAILS : draw(2));
  if (luck < 2 && fake_unwritten(l->sock) > 0) {
    fake_fail_write(l->sock, FOAL_RESET);
  } else if (luck < 50) {
    (void)fake_take(l->sock, 1 + draw(luck < 30 ? 100000 : 100));
  } else if (luck < 57 && s->end.err == FOAL_OK && s->in_count < 8) {
    fake_bytes(l->sock, words, sizeof words);
  } else if (luck == 58 && s->end.err == FOAL_OK) {
    fake_end(l->sock, draw(2) == 0 ? FOAL_CLEAN : FOAL_RESET);
  }
}

static void act_in_turn(line *l)
{
  static const uint32_t ends[] = {TALK_CLOSE, TALK_ABORT, TALK_FINISH, TALK_END};
  uint64_t luck = draw(100);
  if (luck < 70) {
    talk_tell(l->tag, TALK_CALL, some_bytes());
  } else if (luck < 85) {
    talk_tell(l->tag, TALK_WRITE, some_bytes());
  } else if (luck < 94) {
    talk_tell(l->tag, luck < 90 ? TALK_MUTE : TALK_UNMUTE, 0);
  } else if (luck < 97) {
    talk_tell(l->tag, ends[draw(4)], 0);
  }
}

static bool chaos_step(unsigned n)
{
  line *l = &lines[draw(LINES)];
  if (n < LINES) {
    unsigned sock = fake_count() - LINES + n;
    l = &lines[(fake(sock)->to.port - FIRST_PORT) % LINES];
    l->sock = sock;
    if (draw(20) > 0) fake_connected(l->sock, FOAL_OK);
    return true;
  }
  for (int i = 0; n < LINES + STEPS && i < 3; i++) {
    act_on_wire(l);
    if (l->plan.closed_count == 0) act_in_turn(l);
  }
  if (n == LINES + STEPS) {
    for (l = lines; l < lines + LINES; l++) {
      if (l->plan.closed_count == 0) talk_tell(l->tag, TALK_CLOSE, 0);
    }
  }
  return n <= LINES + STEPS; /* then time ends what never finishes */
}

static void check_lines(unsigned *sent, unsigned *failed)
{
  for (line *l = lines; l < lines + LINES; l++) {
    foal__sock *s = fake(l->sock);
    cr_assert_eq(l->plan.closed_count, 1);
    cr_assert_eq(l->settled, l->accepted);
    cr_assert_eq(l->plan.sent_count + l->plan.failed_count, l->accepted);
    cr_assert(kit_is_pattern(s->out, 0, s->out_len));
    *sent += l->plan.sent_count;
    *failed += l->plan.failed_count;
  }
}

Test(conf_lori_more, receipts_once_and_in_order_whatever_happens)
{
  unsigned sent = 0, failed = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    foal_conn_options o = {.queue_bytes_max = 200000};
    rng = seed * UINT64_C(0x9E3779B97F4A7C15);
    memset(lines, 0, sizeof lines);
    kit_start(1);
    talk_called = send_piece;
    for (unsigned i = 0; i < LINES; i++) {
      line *l = &lines[i];
      l->plan = (talk_plan){.receipt = chaos_receipt, .closed = chaos_closed};
      l->plan.quiet = true;
      dial(&l->plan, &l->tag, &o);
    }
    fake_restart();
    play(chaos_step);
    check_lines(&sent, &failed);
  }
  cr_log_info("%u sent, %u failed", sent, failed);
  cr_assert_gt(sent, 500);
  cr_assert_gt(failed, 100);
}

/* ---- bounds ---- */

HOOK send_many(talk *self, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) must(talk_send(self, 1, i) == FOAL_OK);
  must(talk_send(self, 1, count) == FOAL_FULL);
  must(talk_send(self, 0, count) == FOAL_FULL);
}

static bool too_many(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_CALL, FOAL_RECEIPTS_MAX);
  if (n == 2) must(plan.sent_count == 0 && fake_unwritten(0) == FOAL_RECEIPTS_MAX);
  if (n == 2) must(fake_take(0, SIZE_MAX) == FOAL_RECEIPTS_MAX);
  if (n == 3) must(plan.sent_count == FOAL_RECEIPTS_MAX);
  if (n == 3) talk_tell(one, TALK_CALL, FOAL_RECEIPTS_MAX);
  if (n == 4) talk_tell(one, TALK_ABORT, 0);
  return n <= 4;
}

/* What is refused leaves no trace: the connection goes on. */
Test(conf_lori_more, more_than_4096_receipts_are_not_owed)
{
  plan.quiet = true;
  talk_called = send_many;
  kit_start(1);
  dial(&plan, &one, NULL);
  play(too_many);
  cr_assert_eq(plan.sent_count, FOAL_RECEIPTS_MAX);
  cr_assert_eq(plan.failed_count, FOAL_RECEIPTS_MAX);
  cr_assert_eq(fake(0)->out_len, FOAL_RECEIPTS_MAX);
}

HOOK send_until_full(talk *self, uint32_t unused)
{
  (void)unused;
  must(talk_send(self, 5000, 1) == FOAL_OK);
  must(talk_send(self, 5000, 2) == FOAL_OK);
  must(talk_send(self, 1, 3) == FOAL_FULL);
  must(talk_send(self, 0, 4) == FOAL_OK);
}

static bool full_queue(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_WRITE, 1);
  if (n == 2) talk_tell(one, TALK_CALL, 0);
  if (n == 3) must(fake_take(0, 1) == 1);
  if (n == 4) must(fake_take(0, 10000) == 10000);
  if (n == 5) talk_tell(one, TALK_SEND, 5);
  if (n == 6) must(fake_take(0, 10) == 10);
  if (n == 7) talk_tell(one, TALK_ABORT, 0);
  return n <= 7;
}

/* A piece that does not fit is refused; foal_conn_write would end the connection. */
Test(conf_lori_more, beyond_queue_bytes_max_the_queue_is_full)
{
  foal_conn_options o = {.queue_bytes_max = 10000};
  talk_called = send_until_full;
  kit_start(1);
  dial(&plan, &one, &o);
  play(full_queue);
  cr_assert(talk_has(&plan, "opened receipt:1:OK receipt:2:OK receipt:4:OK send:5:OK "
                            "receipt:5:OK closed:LOCAL"));
  cr_assert_eq(plan.sent_count, 4);
  cr_assert_eq(plan.failed_count, 0);
}

/* ---- empty pieces, tokens ---- */

HOOK send_empty(talk *self, uint32_t unused)
{
  (void)unused;
  must(talk_send(self, 0, 1) == FOAL_OK);
  must(talk_send(self, 10, 2) == FOAL_OK);
  must(talk_send(self, 0, 3) == FOAL_OK);
  must(talk_send(self, 0, 3) == FOAL_OK);
}

static bool empties(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_CALL, 0);
  if (n == 2) must(talk_is(&plan, "opened receipt:1:OK"));
  if (n == 2) must(fake_take(0, 10) == 10);
  if (n == 3) talk_tell(one, TALK_ABORT, 0);
  return n <= 3;
}

/* An empty piece waits for what is before it, and only for that. Tokens may repeat. */
Test(conf_lori_more, empty_pieces_keep_their_place)
{
  talk_called = send_empty;
  kit_start(1);
  dial(&plan, &one, NULL);
  play(empties);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK receipt:3:OK receipt:3:OK "
                           "closed:LOCAL"));
}

/* Each receipt of an empty piece sends the next one: other work goes on between. */
HOOK empty_again(talk *self, uint64_t token, foal_err how)
{
  if (how != FOAL_OK) return;
  if (self->step++ == 0) talk_tell(talk_me(self), TALK_ABORT, 0);
  must(self->step < 100000);
  foal_err err = talk_send(self, 0, token + 1);
  must(err == FOAL_OK || err == FOAL_BAD_STATE);
}

static bool empty_once(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 0);
  return n <= 1;
}

Test(conf_lori_more, empty_pieces_without_end_do_not_stop_the_world)
{
  plan.quiet = true;
  plan.receipt = empty_again;
  kit_start(1);
  dial(&plan, &one, NULL);
  play(empty_once);
  cr_assert_eq(plan.closed_count, 1);
}

/* ---- stages ---- */

FOAL_STAGE_RECEIPTS(talk, later)

static void later_on_opened(talk *self, foal_conn *conn)
{
  (void)self, (void)conn;
}

static void later_on_received(talk *self, foal_buf **data)
{
  talk_note(self->plan, "later-received:%zu", foal_buf_len(*data));
  foal_buf_drop(data);
}

static void later_on_sendable(talk *self, size_t room)
{
  (void)self, (void)room;
}

static void later_on_ended(talk *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void later_on_closed(talk *self, foal_err why)
{
  talk_note(self->plan, "later-closed:%s", foal_err_name(why));
}

static void later_on_receipt(talk *self, uint64_t token, foal_err how)
{
  talk_note(self->plan, "later-receipt:%u:%s", (unsigned)token, foal_err_name(how));
}

FOAL_STAGE(talk, deaf)

static void deaf_on_opened(talk *self, foal_conn *conn)
{
  (void)self, (void)conn;
}

static void deaf_on_received(talk *self, foal_buf **data)
{
  talk_note(self->plan, "deaf-received:%zu", foal_buf_len(*data));
  foal_buf_drop(data);
}

static void deaf_on_sendable(talk *self, size_t room)
{
  (void)self, (void)room;
}

static void deaf_on_ended(talk *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void deaf_on_closed(talk *self, foal_err why)
{
  talk_note(self->plan, "deaf-closed:%s", foal_err_name(why));
}

enum { BE_LATER, BE_DEAF, BE_FIRST };

HOOK be(talk *self, uint32_t stage)
{
  if (stage == BE_LATER) later_become(self->conn);
  if (stage == BE_DEAF) deaf_become(self->conn);
  if (stage == BE_FIRST) talk_return(self);
}

static void staged(bool (*step)(unsigned n))
{
  talk_called = be;
  fake_taking_first = FAKE_HOLDS;
  kit_start(1);
  dial(&plan, &one, NULL);
  play(step);
}

static bool between_sends(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 1) talk_tell(one, TALK_CALL, BE_LATER);
  if (n == 1) talk_tell(one, TALK_SEND, 2);
  if (n == 1) fake_bytes(0, "x", 1);
  if (n == 2) must(fake_take(0, 15) > 0);
  if (n == 3) (void)fake_take(0, SIZE_MAX);
  if (n == 4) talk_tell(one, TALK_SEND, 3);
  if (n == 5) fake_end(0, FOAL_RESET);
  return n <= 5;
}

/* Whoever is there when a receipt comes gets it. */
Test(conf_lori_more, become_between_sends)
{
  staged(between_sends);
  cr_assert(talk_is(&plan, "opened send:1:OK send:2:OK later-received:1 "
                           "later-receipt:1:FOAL_OK later-receipt:2:FOAL_OK send:3:OK "
                           "later-receipt:3:FOAL_RESET later-closed:FOAL_RESET"));
}

static bool deaf_meanwhile(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 1) talk_tell(one, TALK_CALL, BE_DEAF);
  if (n == 2) must(fake_take(0, SIZE_MAX) == 10);
  if (n == 3) talk_tell(one, TALK_CALL, BE_FIRST);
  if (n == 3) talk_tell(one, TALK_SEND, 2);
  if (n == 4) must(fake_take(0, SIZE_MAX) == 10);
  if (n == 5) fake_end(0, FOAL_CLEAN);
  return n <= 5;
}

Test(conf_lori_more, a_stage_without_receipts_drops_those_that_are_owed)
{
  staged(deaf_meanwhile);
  cr_assert(talk_is(&plan, "opened send:1:OK send:2:OK receipt:2:OK ended:CLEAN "
                           "closed:CLEAN"));
}

static bool deaf_for_a_moment(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 2) talk_tell(one, TALK_CALL, BE_DEAF);
  if (n == 2) talk_tell(one, TALK_CALL, BE_FIRST);
  if (n == 2) talk_tell(one, TALK_SEND, 2);
  if (n == 3) (void)fake_take(0, SIZE_MAX);
  if (n == 4) (void)fake_take(0, SIZE_MAX);
  if (n == 5) fake_end(0, FOAL_CLEAN);
  return n <= 5;
}

/* The stage dropped them, whether the write was through in its time or not. */
Test(conf_lori_more, receipts_that_a_stage_dropped_do_not_come_back)
{
  staged(deaf_for_a_moment);
  cr_assert(talk_is(&plan, "opened send:1:OK send:2:OK receipt:2:OK ended:CLEAN "
                           "closed:CLEAN"));
}

static bool deaf_end(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 1) talk_tell(one, TALK_CALL, BE_DEAF);
  if (n == 2) fake_end(0, FOAL_RESET);
  return n <= 2;
}

Test(conf_lori_more, a_stage_without_receipts_hears_of_the_end_only)
{
  staged(deaf_end);
  cr_assert(talk_is(&plan, "opened send:1:OK deaf-closed:FOAL_RESET"));
}
