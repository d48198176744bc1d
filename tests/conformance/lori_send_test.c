/* lori_send_test.c - the rows of lori about sending: accepted at once, then exactly one
 * of sent and failed, in order.
 *
 * lori's accepted is the result FOAL_OK of foal_conn_send, its sent the receipt with
 * FOAL_OK, its failed a receipt with another reason; ours comes before `closed`, which is
 * the last event. lori refuses to send while throttled; ours accepts up to
 * queue_bytes_max. On the fake backend, so that a test decides what the system takes. */
#include "fake_transport.h"
#include "lori_kit.h"

TestSuite(conf_lori, .timeout = 20);

enum { HALF = 262144 };

static talk_plan plan;
static talk_tag one;

static void play(bool (*step)(unsigned n), void (*called)(talk *self, uint32_t arg))
{
  foal_connect_options o = {
      .host = "192.0.2.7", .port = 4242, .conn = {.context = &plan}};
  talk_called = called;
  fake_step = step;
  kit_start(1);
  cr_assert(talk_try_connect(&o, &one));
  kit_run();
}

/* The step after which a connection whose writes are held has been told to send. */
static bool sending(unsigned n, fake_taking taking)
{
  if (n == 0) fake(0)->taking = taking;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_CALL, 0);
  return n <= 1;
}

static bool sent_all(size_t bytes)
{
  return fake(0)->out_len == bytes && kit_is_pattern(fake(0)->out, 0, bytes);
}

/* ---- one piece ---- */

HOOK send_token(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, 10, UINT64_MAX) == FOAL_OK);
  foal_conn_close(self->conn);
}

static bool taken_at_once(unsigned n)
{
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return sending(n, FAKE_TAKES) || n == 2;
}

Test(conf_lori, SendToken)
{
  play(taken_at_once, send_token);
  cr_assert(talk_is(&plan, "opened receipt:18446744073709551615:OK closed:CLEAN"));
  cr_assert(sent_all(10));
}

HOOK send_after_close(talk *self, uint32_t arg)
{
  (void)arg;
  foal_conn_close(self->conn);
  must(talk_send(self, 10, 1) == FOAL_BAD_STATE);
}

Test(conf_lori, SendAfterClose)
{
  play(taken_at_once, send_after_close);
  cr_assert(talk_is(&plan, "opened closed:CLEAN"));
  cr_assert(sent_all(0));
}

HOOK send_accepted(talk *self, uint32_t arg)
{
  (void)arg;
  talk_note(self->plan, "accepted:%s", foal_err_name(talk_send(self, 10, 1)));
  foal_conn_close(self->conn);
}

Test(conf_lori, SendAcceptedBeforeSent)
{
  play(taken_at_once, send_accepted);
  cr_assert(talk_is(&plan, "opened accepted:FOAL_OK receipt:1:OK closed:CLEAN"));
}

/* ---- several buffers ---- */

static void put(talk *self, size_t len) FOAL_TURN;
static void put(talk *self, size_t len)
{
  foal_buf *b;
  kit_pattern(&b, self->sent, len);
  self->sent += len;
  foal_conn_write(self->conn, &b);
}

HOOK send_three(talk *self, uint32_t arg)
{
  (void)arg;
  put(self, 20000);
  put(self, 3);
  must(talk_send(self, 17000, 1) == FOAL_OK);
  foal_conn_close(self->conn);
}

static bool taken_slowly(unsigned n)
{
  if (sending(n, FAKE_HOLDS)) return true;
  size_t left = fake_unwritten(0);
  if (left > 0) must(plan.sent_count == 0);
  if (left > 0) must(fake_take(0, 5000) > 0);
  if (left == 0) fake_end(0, FOAL_CLEAN);
  return !fake(0)->gone && (left > 0 || fake(0)->finished);
}

/* Several buffers are one piece: all but the last are written. */
Test(conf_lori, Sendv)
{
  play(taken_slowly, send_three);
  cr_assert(talk_is(&plan, "opened receipt:1:OK closed:CLEAN"));
  cr_assert(sent_all(37003));
}

HOOK send_nothing(talk *self, uint32_t arg)
{
  (void)arg;
  put(self, 0);
  must(talk_send(self, 0, 1) == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendvEmpty)
{
  play(taken_at_once, send_nothing);
  cr_assert(talk_is(&plan, "opened receipt:1:OK closed:CLEAN"));
  cr_assert(sent_all(0));
}

static bool empty_behind(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_WRITE, 30);
  if (n == 2) must(fake_unwritten(0) == 30);
  if (n == 2) talk_tell(one, TALK_CALL, 0);
  if (n == 3) must(plan.sent_count == 0);
  if (n == 3) must(fake_take(0, 30) == 30);
  if (n == 4) fake_end(0, FOAL_CLEAN);
  return n <= 4;
}

/* The last of several buffers, empty, while the others are on their way: not before. */
Test(conf_lori_more, an_empty_piece_waits_for_the_write_in_flight)
{
  play(empty_behind, send_nothing);
  cr_assert(talk_is(&plan, "opened receipt:1:OK closed:CLEAN"));
}

HOOK send_mixed(talk *self, uint32_t arg)
{
  (void)arg;
  put(self, 0);
  put(self, 5);
  put(self, 0);
  must(talk_send(self, 5, 1) == FOAL_OK);
  put(self, 5);
  must(talk_send(self, 0, 2) == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendvMixedEmpty)
{
  play(taken_at_once, send_mixed);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK closed:CLEAN"));
  cr_assert(sent_all(15));
}

/* ---- several pieces ---- */

HOOK send_halves(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, HALF, 1) == FOAL_OK);
  must(talk_send(self, HALF, 2) == FOAL_OK);
}

static bool halves_overlap(unsigned n)
{
  if (sending(n, FAKE_HOLDS)) return true;
  size_t out = fake(0)->out_len;
  must((plan.sent_count >= 1) == (out >= HALF));
  must((plan.sent_count >= 2) == (out >= 2 * HALF));
  if (out < 2 * HALF) {
    must(fake_take(0, 30000) > 0);
    return true;
  }
  if (fake(0)->closing) return false;
  talk_tell(one, TALK_ABORT, 0);
  return true;
}

Test(conf_lori, SendPerTokenCompletion)
{
  play(halves_overlap, send_halves);
  cr_assert(talk_has(&plan, "opened receipt:1:OK receipt:2:OK closed:LOCAL"));
  cr_assert_eq(plan.failed_count, 0);
  cr_assert(sent_all(2 * HALF));
}

static bool drop_in_flight(unsigned n)
{
  if (n == 2) must(fake_take(0, HALF) == HALF);
  if (n == 3) must(fake_take(0, 1000) == 1000);
  if (n == 4) fake_end(0, FOAL_RESET);
  return sending(n, FAKE_HOLDS) || n <= 4;
}

HOOK send_halves_and_more(talk *self, uint32_t arg)
{
  send_halves(self, arg);
  must(talk_send(self, 10, 3) == FOAL_OK);
}

Test(conf_lori, SendMidFlightDropBoundary)
{
  play(drop_in_flight, send_halves_and_more);
  cr_assert(talk_is(&plan, "opened receipt:1:OK sendable receipt:2:RESET "
                           "receipt:3:RESET closed:RESET"));
  cr_assert(sent_all(HALF + 1000));
}

HOOK send_ten_and_close(talk *self, uint32_t arg)
{
  (void)arg;
  for (uint64_t i = 1; i <= 10; i++) must(talk_send(self, 30000, i) == FOAL_OK);
  foal_conn_close(self->conn);
}

static bool pending(unsigned n)
{
  if (sending(n, FAKE_HOLDS)) return true;
  if (fake(0)->out_len < 300000) {
    must(!fake(0)->finished && !fake(0)->closing);
    must(fake_take(0, 20000) > 0);
    return true;
  }
  if (n < 100) must(fake(0)->finished && plan.sent_count == 10);
  fake_end(0, FOAL_CLEAN);
  return !fake(0)->gone;
}

Test(conf_lori, SendGracefulCloseWithPending)
{
  play(pending, send_ten_and_close);
  cr_assert_eq(plan.sent_count, 10);
  cr_assert_eq(plan.failed_count, 0);
  cr_assert_eq(plan.why, FOAL_CLEAN);
  cr_assert(sent_all(300000));
}

/* ---- closing where lori would be throttled: there is no room ---- */

static void fill(talk *self) FOAL_TURN;
static void fill(talk *self)
{
  must(talk_send(self, 20000, 1) == FOAL_OK);
  must(talk_send(self, 100000, 2) == FOAL_OK);
  must(foal_conn_room(self->conn) == 0);
  must(talk_send(self, 10, 3) == FOAL_OK);
}

HOOK fill_and_close(talk *self, uint32_t arg)
{
  (void)arg;
  fill(self);
  foal_conn_close(self->conn);
}

static bool all_taken(unsigned n)
{
  if (sending(n, FAKE_HOLDS)) return true;
  if (fake_take(0, SIZE_MAX) > 0) return true;
  fake_end(0, FOAL_CLEAN);
  return !fake(0)->gone;
}

Test(conf_lori, SendCloseFromThrottled)
{
  play(all_taken, fill_and_close);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK receipt:3:OK "
                           "closed:CLEAN"));
  cr_assert(sent_all(120010));
}

HOOK fill_and_abort(talk *self, uint32_t arg)
{
  (void)arg;
  fill(self);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

static bool only_sending(unsigned n)
{
  return sending(n, FAKE_HOLDS);
}

Test(conf_lori, SendHardCloseFromThrottled)
{
  play(only_sending, fill_and_abort);
  cr_assert(talk_is(&plan, "opened receipt:1:LOCAL receipt:2:LOCAL receipt:3:LOCAL "
                           "closed:LOCAL"));
  cr_assert(sent_all(0));
  cr_assert(fake(0)->reset);
}

HOOK send_two(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, 10, 1) == FOAL_OK);
  must(talk_send(self, 10, 2) == FOAL_OK);
}

/* The connection is told to abort first, but the system has taken the bytes before it
 * hears of it. */
static bool taken_meanwhile(unsigned n)
{
  if (n == 2) talk_tell(one, TALK_ABORT, 0);
  if (n == 2) must(fake_take(0, 20) == 20);
  return sending(n, FAKE_HOLDS) || n == 2;
}

Test(conf_lori, SendDeliveredNotFailedOnHardClose)
{
  play(taken_meanwhile, send_two);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK closed:LOCAL"));
}

/* ---- closing from where a piece is accepted or sent ---- */

HOOK send_and_close(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, 10, 1) == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendCloseFromAccepted)
{
  play(taken_at_once, send_and_close);
  cr_assert(talk_is(&plan, "opened receipt:1:OK closed:CLEAN"));
  cr_assert(fake(0)->finished && sent_all(10));
}

HOOK close_on_receipt(talk *self, uint64_t token, foal_err how)
{
  (void)token;
  must(how == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendCloseFromSent)
{
  plan.receipt = close_on_receipt;
  play(taken_at_once, send_two);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK closed:CLEAN"));
  cr_assert(fake(0)->finished && sent_all(20));
}

HOOK send_and_abort(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, 10, 1) == FOAL_OK);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

Test(conf_lori, SendHardCloseFromAccepted)
{
  play(only_sending, send_and_abort);
  cr_assert(talk_is(&plan, "opened receipt:1:LOCAL closed:LOCAL"));
  cr_assert(sent_all(0));
}

HOOK send_first(talk *self, uint32_t arg)
{
  (void)arg;
  must(talk_send(self, 10, 1) == FOAL_OK);
}

HOOK send_next(talk *self, uint64_t token, foal_err how)
{
  must(how == FOAL_OK);
  if (token < 5) {
    must(talk_send(self, 10, token + 1) == FOAL_OK);
  } else {
    foal_conn_close(self->conn);
  }
}

Test(conf_lori, SendReentrantFromSent)
{
  plan.receipt = send_next;
  play(taken_at_once, send_first);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK receipt:3:OK receipt:4:OK "
                           "receipt:5:OK closed:CLEAN"));
  cr_assert(sent_all(50));
}

HOOK abort_on_receipt(talk *self, uint64_t token, foal_err how)
{
  (void)token;
  must(how == FOAL_OK);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

/* One write carried both. */
Test(conf_lori, SendHardCloseFromSentKeepsDelivered)
{
  plan.receipt = abort_on_receipt;
  play(all_taken, send_two);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK closed:LOCAL"));
  cr_assert(sent_all(20));
}

/* ---- the order among other events ---- */

HOOK fill_only(talk *self, uint32_t arg)
{
  (void)arg;
  fill(self);
}

static bool all_taken_then_reset(unsigned n)
{
  if (sending(n, FAKE_HOLDS)) return true;
  if (fake_take(0, SIZE_MAX) > 0) return true;
  fake_end(0, FOAL_RESET);
  return !fake(0)->gone;
}

/* Ours is told of the end of the throttling: `sendable`. */
Test(conf_lori, SendOnSentPrecedesThrottleAndClose)
{
  play(all_taken_then_reset, fill_only);
  cr_assert(talk_is(&plan, "opened receipt:1:OK sendable receipt:2:OK receipt:3:OK "
                           "closed:RESET"));
}

HOOK abort_on_first(talk *self, uint64_t token, foal_err how)
{
  must((token == 1) == (how == FOAL_OK));
  if (token == 1) foal_conn_abort(self->conn, FOAL_LOCAL);
}

Test(conf_lori, SendThrottleSuppressedByHardClose)
{
  plan.receipt = abort_on_first;
  play(all_taken_then_reset, fill_only);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:LOCAL receipt:3:LOCAL "
                           "closed:LOCAL"));
}

static bool answered_at_once(unsigned n)
{
  if (n == 2) must(fake_take(0, 20) == 20);
  if (n == 2) fake_bytes(0, "answer", 6);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return sending(n, FAKE_HOLDS) || n == 2;
}

Test(conf_lori, SendOnSentPrecedesReceived)
{
  play(answered_at_once, send_two);
  cr_assert(talk_is(&plan, "opened receipt:1:OK receipt:2:OK received:6 ended:CLEAN "
                           "closed:CLEAN"));
}
