/* lori_fake_test.c - the rows that lori runs on a fake backend, on ours: no sockets, no
 * real time.
 *
 * Each test is a script: a step runs when all that came before has had its effect. The
 * journal of a connection is the order of its events. */
#include "fake_transport.h"
#include "lori_kit.h"

TestSuite(conf_fake, .timeout = 20);

static talk_plan plan;
static talk_tag one;

/* A client of 192.0.2.7 that is still connecting when the first step runs. */
static void dial(const foal_conn_options *options)
{
  foal_connect_options o = {.host = "192.0.2.7", .port = 4242};
  if (options != NULL) o.conn = *options;
  o.conn.context = &plan;
  kit_start(1);
  cr_assert(talk_try_connect(&o, &one));
}

static void play(bool (*step)(unsigned n))
{
  fake_step = step;
  kit_run();
}

static void hang_up(void)
{
  talk_tell(one, TALK_CLOSE, 0);
  fake_end(0, FOAL_CLEAN);
}

/* ---- sending ---- */

static bool send_ok(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 7);
  if (n == 2) must(talk_is(&plan, "opened send:7:OK receipt:7:OK"));
  if (n == 2) hang_up();
  return n <= 2;
}

Test(conf_fake, FakeSendOk)
{
  dial(NULL);
  play(send_ok);
  cr_assert(talk_is(&plan, "opened send:7:OK receipt:7:OK closed:CLEAN"));
  cr_assert_eq(fake(0)->out_len, 10);
  cr_assert(kit_is_pattern(fake(0)->out, 0, 10));
}

static bool send_three(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 2) {
    talk_tell(one, TALK_SEND, 2);
    talk_tell(one, TALK_SEND, 3);
    must(fake_take(0, 9) == 9);
  }
  if (n == 3) must(plan.sent_count == 0); /* a part is not the piece */
  if (n == 3) must(fake_take(0, 1) == 1);
  if (n == 4) must(plan.sent_count == 1);
  if (n == 4) must(fake_take(0, SIZE_MAX) == 20);
  if (n == 5) hang_up();
  return n <= 5;
}

Test(conf_fake, FakeSendMultipleTokenOrder)
{
  dial(NULL);
  play(send_three);
  cr_assert(talk_is(&plan, "opened send:1:OK send:2:OK send:3:OK receipt:1:OK "
                           "receipt:2:OK receipt:3:OK closed:CLEAN"));
  cr_assert_eq(fake(0)->out_len, 30);
  cr_assert(kit_is_pattern(fake(0)->out, 0, 30));
}

HOOK sends_in_closed(talk *self, foal_err why)
{
  (void)why;
  must(talk_send(self, 10, 9) == FOAL_BAD_STATE);
}

static bool send_on_closed(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) fake_end(0, FOAL_RESET);
  return n <= 1;
}

Test(conf_fake, FakeSendOnClosed)
{
  plan.closed = sends_in_closed;
  dial(NULL);
  play(send_on_closed);
  cr_assert(talk_is(&plan, "opened closed:RESET"));
}

static bool send_error(unsigned n)
{
  if (n == 0) fake_taking_first = FAKE_FAILS;
  if (n == 0) fake(0)->taking = FAKE_FAILS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  return n <= 1;
}

/* lori calls `closed` before `failed`; ours keeps `closed` the last event of all. */
Test(conf_fake, FakeSendError)
{
  dial(NULL);
  play(send_error);
  cr_assert(talk_is(&plan, "opened send:1:OK receipt:1:RESET closed:RESET"));
  cr_assert_eq(fake(0)->out_len, 0);
}

static bool send_failed(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_SEND, 1);
  if (n == 2) must(fake_unwritten(0) == 10);
  if (n == 2) talk_tell(one, TALK_SEND, 2);
  if (n == 3) talk_tell(one, TALK_ABORT, 0);
  return n <= 3;
}

/* The row asks for `failed` behind `closed`; ours comes before it, for every piece. */
Test(conf_fake, FakeSendFailedAfterClosed)
{
  dial(NULL);
  play(send_failed);
  cr_assert(talk_is(&plan, "opened send:1:OK send:2:OK receipt:1:LOCAL receipt:2:LOCAL "
                           "closed:LOCAL"));
  cr_assert(fake(0)->reset);
}

static bool graceful_close(unsigned n)
{
  if (n == 0) fake(0)->taking = FAKE_HOLDS;
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) {
    talk_tell(one, TALK_SEND, 1);
    talk_tell(one, TALK_CLOSE, 0);
    talk_tell(one, TALK_SEND, 2);
  }
  if (n == 2) must(!fake(0)->finished);
  if (n == 2) must(fake_take(0, 10) == 10);
  if (n == 3) must(fake(0)->finished && !fake(0)->closing);
  if (n == 3) fake_end(0, FOAL_CLEAN);
  return n <= 3;
}

Test(conf_fake, FakeGracefulClose)
{
  dial(NULL);
  play(graceful_close);
  cr_assert(
      talk_is(&plan, "opened send:1:OK send:2:BAD_STATE receipt:1:OK closed:CLEAN"));
  cr_assert_eq(fake(0)->out_len, 10);
  cr_assert_not(fake(0)->reset);
}

/* ---- receiving ---- */

Test(conf_fake, FakeRecvError)
{
  dial(NULL);
  play(send_on_closed);
  cr_assert(talk_is(&plan, "opened closed:RESET"));
  cr_assert_eq(plan.received_bytes, 0);
}

static bool retry(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1 || n == 2) must(talk_is(&plan, "opened") && fake_reads(0));
  if (n == 3) fake_bytes(0, "late", 4);
  if (n == 4) must(talk_is(&plan, "opened received:4"));
  if (n == 4) fake_end(0, FOAL_CLEAN);
  return n <= 4;
}

/* The system has nothing yet: nothing is delivered, and what comes later is. */
Test(conf_fake, FakeRecvRetry)
{
  dial(NULL);
  play(retry);
  cr_assert(talk_is(&plan, "opened received:4 ended:CLEAN closed:CLEAN"));
}

static bool data(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) fake_bytes(0, "0123456789", 10);
  if (n == 2) fake_end(0, FOAL_CLEAN);
  return n <= 2;
}

Test(conf_fake, FakeRecvData)
{
  dial(NULL);
  play(data);
  cr_assert(talk_is(&plan, "opened received:10 ended:CLEAN closed:CLEAN"));
  cr_assert_arr_eq(plan.got, "0123456789", 10);
}

HOOK expects_four(talk *self)
{
  foal_conn_expect(self->conn, 4);
}

/* Ours also tells that the stream ended inside a frame. */
Test(conf_fake, FakeRecvFramed)
{
  plan.opened = expects_four;
  dial(NULL);
  play(data);
  cr_assert(talk_is(&plan, "opened received:4 received:4 ended:INCOMPLETE closed:CLEAN"));
  cr_assert_arr_eq(plan.got, "01234567", 8);
}

static bool mute(unsigned n)
{
  if (n == 0) fake_connected(0, FOAL_OK);
  if (n == 1) talk_tell(one, TALK_MUTE, 0);
  if (n == 2) must(!fake_reads(0));
  if (n == 2) fake_bytes(0, "hello", 5);
  if (n == 3) must(talk_is(&plan, "opened"));
  if (n == 3) talk_tell(one, TALK_UNMUTE, 0);
  if (n == 4) must(talk_is(&plan, "opened received:5"));
  if (n == 4) fake_end(0, FOAL_CLEAN);
  return n <= 4;
}

Test(conf_fake, FakeMute)
{
  dial(NULL);
  play(mute);
  cr_assert(talk_is(&plan, "opened received:5 ended:CLEAN closed:CLEAN"));
}

/* A message to itself shows where the turn ends. */
HOOK yields(talk *self, foal_buf **b)
{
  foal_buf_drop(b);
  talk_tell(talk_me(self), TALK_NOTE, ++self->step);
  foal_conn_yield(self->conn);
}

Test(conf_fake, FakeYieldReading)
{
  plan.opened = expects_four;
  plan.received = yields;
  dial(NULL);
  play(data);
  cr_assert(talk_is(&plan, "opened received:4 note:1 received:4 note:2 "
                           "ended:INCOMPLETE closed:CLEAN"));
}

/* ---- connecting ---- */

static void dial_name(void)
{
  foal_connect_options o = {
      .host = "scripted.test", .port = 4242, .conn = {.context = &plan}};
  kit_start(1);
  cr_assert(talk_try_connect(&o, &one));
}

static bool nothing(unsigned n)
{
  (void)n;
  return false;
}

Test(conf_fake, FakeConnectDNSFailure)
{
  dial_name();
  play(nothing);
  cr_assert(talk_is(&plan, "closed:DNS_FAILED"));
  cr_assert_eq(fake_count(), 0);
}

/* Timers ring on whole milliseconds, and late rather than early. */
enum { STAGGER_MS = 250, LATE_MS = 4, ATTEMPTS = 3 };

static uint64_t began_ms[ATTEMPTS]; /* when each attempt was made */

/* Whether all attempts run; time passes as long as they do not. */
static bool all_attempts(void)
{
  unsigned count = fake_count();
  must(count >= 1 && count <= ATTEMPTS);
  if (began_ms[count - 1] == 0) began_ms[count - 1] = fake_now_ms();
  return count == ATTEMPTS;
}

static void check_stagger(void)
{
  for (unsigned i = 1; i < ATTEMPTS; i++) {
    uint64_t apart_ms = began_ms[i] - began_ms[i - 1];
    cr_assert_geq(apart_ms, STAGGER_MS);
    cr_assert_leq(apart_ms, STAGGER_MS + LATE_MS);
  }
}

/* Pony tells how many attempts run; here they start 250 ms apart, and nobody is told. */
static bool three_attempts(unsigned n)
{
  if (!all_attempts()) return false;
  if (n == 0) {
    must(fake(0)->dialing && fake(1)->dialing && fake(2)->dialing);
    must(plan.journal_len == 0);
    fake_connected(1, FOAL_OK);
  }
  if (n == 1) must(fake(0)->closing && fake(2)->closing && !fake(1)->closing);
  if (n == 1) talk_tell(one, TALK_CLOSE, 0);
  if (n == 1) fake_end(1, FOAL_CLEAN);
  return n <= 1;
}

static void three_addresses(void)
{
  fake_addrs[0] = 1;
  fake_addrs[1] = 2;
  fake_addrs[2] = 3;
  dial_name();
}

Test(conf_fake, FakeConnectInflight)
{
  three_addresses();
  play(three_attempts);
  cr_assert(talk_is(&plan, "opened closed:CLEAN"));
  cr_assert_eq(fake_count(), ATTEMPTS);
  check_stagger();
}

static bool send_while_connecting(unsigned n)
{
  if (n == 0) talk_tell(one, TALK_SEND, 1);
  if (n == 1) must(talk_is(&plan, "send:1:BAD_STATE"));
  if (n == 1) fake_connected(0, FOAL_OK);
  if (n == 2) talk_tell(one, TALK_SEND, 2);
  if (n == 3) hang_up();
  return n <= 3;
}

Test(conf_fake, FakeSendWhileConnecting)
{
  dial(NULL);
  play(send_while_connecting);
  cr_assert(
      talk_is(&plan, "send:1:BAD_STATE opened send:2:OK receipt:2:OK closed:CLEAN"));
}

static bool send_while_closing(unsigned n)
{
  if (n == 0) talk_tell(one, TALK_CLOSE, 0);
  if (n == 0) talk_tell(one, TALK_SEND, 1);
  return n <= 0;
}

Test(conf_fake, FakeSendWhileUnconnectedClosing)
{
  dial(NULL);
  play(send_while_closing);
  cr_assert(talk_is(&plan, "send:1:BAD_STATE closed:LOCAL"));
}

static uint64_t told_ms, closed_ms;

HOOK note_closed(talk *self, foal_err why)
{
  (void)self, (void)why;
  closed_ms = fake_now_ms();
}

static bool close_stragglers(unsigned n)
{
  if (!all_attempts()) return false;
  if (n == 0) told_ms = fake_now_ms();
  if (n == 0) talk_tell(one, TALK_CLOSE, 0);
  return n <= 0;
}

/* No attempt is waited for: no time passes until `closed`, nor until the program ends. */
static void ended_at_once(bool (*step)(unsigned n))
{
  plan.closed = note_closed;
  three_addresses();
  play(step);
  cr_assert(talk_is(&plan, "closed:LOCAL"));
  cr_assert_neq(told_ms, 0);
  cr_assert_eq(closed_ms, told_ms);
  cr_assert_leq(fake_now_ms(), told_ms + LATE_MS);
  for (unsigned i = 0; i < ATTEMPTS; i++) cr_assert(fake(i)->gone);
}

/* Pony has a state in which it waits for the stragglers; here there is none. */
Test(conf_fake, FakeUnconnectedClosingDrain)
{
  ended_at_once(close_stragglers);
}

static bool abort_stragglers(unsigned n)
{
  if (!close_stragglers(n)) return false;
  talk_tell(one, TALK_ABORT, 0);
  return n <= 0;
}

Test(conf_fake, FakeHardCloseDuringUnconnectedClosing)
{
  ended_at_once(abort_stragglers);
}

/* ---- listening ---- */

Test(conf_fake, FakeListenFailure)
{
  foal_listener listener;
  foal_listen_options o = {.host = "192.0.2.9", .conn = {.context = &plan}};
  kit_start(1);
  fake_listen_cause.err = FOAL_ADDRESS_IN_USE;
  cr_assert_eq(talk_try_listen(&o, &listener), FOAL_ADDRESS_IN_USE);
  play(nothing);
  cr_assert_eq(plan.journal_len, 0);
}

static bool accept_one(unsigned n)
{
  if (n == 0) fake_arrive();
  if (n == 1) must(talk_is(&plan, "opened"));
  if (n == 1) fake_end(0, FOAL_CLEAN);
  return n <= 1;
}

Test(conf_fake, FakeAccept)
{
  kit_start(1);
  plan.last = 1;
  talk_serve(&plan, NULL, NULL);
  play(accept_one);
  cr_assert(talk_is(&plan, "opened ended:CLEAN closed:CLEAN"));
}

static bool limit_two(unsigned n)
{
  if (n == 0) {
    for (int i = 0; i < 3; i++) fake_arrive();
  }
  if (n == 1) must(plan.opened_count == 2 && fake_backlog() == 1 && !fake_watched());
  if (n == 1) fake_end(0, FOAL_CLEAN);
  if (n == 2) must(plan.opened_count == 3 && fake_backlog() == 0 && !fake_watched());
  if (n == 2) fake_end(1, FOAL_CLEAN);
  if (n == 3) must(plan.closed_count == 2 && fake_watched());
  if (n == 3) fake_end(2, FOAL_CLEAN);
  return n <= 3;
}

Test(conf_fake, FakeConnectionLimit)
{
  kit_start(1);
  kit_connections_max = 2;
  plan.last = 3;
  talk_serve(&plan, NULL, NULL);
  play(limit_two);
  cr_assert_eq(plan.closed_count, 3);
}
