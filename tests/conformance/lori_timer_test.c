/* lori_timer_test.c - lori's rows about the user's timer.
 *
 * lori gives a connection one timer with a token. Here an actor has as many timers as it
 * likes, a behaviour each (FOAL_TIMER), and the token is the foal_timer that arming
 * returns. They belong to the actor, not to the state of its connection: so what lori
 * refuses in some states works in all of them, until the actor ends. */
#include "fake_wire.h"

TestSuite(conf_lori, .timeout = 30);

FOAL_TIMER(talk, tick)
FOAL_TIMER(talk, tock)

static talk_plan client, server;
static talk_tag caller;
static foal_timer ticking, tocking;
static uint64_t tick_ms, tock_ms, closed_ms;
static uint32_t ticks_left; /* that the handler arms again */
static bool rivals;         /* who fires first cancels the other */

static void talk_on_tick(talk *self)
{
  tick_ms = wire_now_ms();
  talk_note(self->plan, "tick");
  if (rivals) must(foal_timer_cancel(tocking));
  if (ticks_left > 0) {
    ticks_left--;
    ticking = talk_tick_after(self, 100);
  }
}

static void talk_on_tock(talk *self)
{
  tock_ms = wire_now_ms();
  talk_note(self->plan, "tock");
  if (rivals) must(foal_timer_cancel(ticking));
}

/* ---- what the connection is told ---- */

enum { ARM, ARM_BOTH, ARM_RIVALS, CANCEL, CANCEL_WRONG };

HOOK obey(talk *self, uint32_t what)
{
  foal_timer nobodys = {NULL, 0};
  switch (what) {
  case ARM_BOTH:
    tocking = talk_tock_after(self, 200);
    ticking = talk_tick_after(self, 400);
    break;
  case ARM_RIVALS:
    tocking = talk_tock_after(self, 400);
    ticking = talk_tick_after(self, 400);
    rivals = true;
    break;
  case CANCEL:
    must(foal_timer_cancel(ticking));
    must(!foal_timer_cancel(ticking)); /* twice does no harm */
    break;
  case CANCEL_WRONG:
    must(!foal_timer_cancel(nobodys));
    must(!foal_timer_cancel(tocking)); /* has fired; its memory may serve another */
    break;
  default:
    ticking = talk_tick_after(self, 400);
    break;
  }
}

static void tell(uint32_t what)
{
  talk_tell(caller, TALK_CALL, what);
}

static void arm(void)
{
  tell(ARM);
}

static void arm_both(void)
{
  tell(ARM_BOTH);
}

static void arm_rivals(void)
{
  tell(ARM_RIVALS);
}

static void cancel(void)
{
  tell(CANCEL);
}

static void cancel_wrong(void)
{
  tell(CANCEL_WRONG);
}

static void close_it(void)
{
  talk_tell(caller, TALK_CLOSE, 0);
}

static void abort_it(void)
{
  talk_tell(caller, TALK_ABORT, 0);
}

static void write_some(void)
{
  talk_tell(caller, TALK_WRITE, 10);
}

static void hear_some(void)
{
  fake_bytes(0, "hello", 5);
}

static void is_connected(void)
{
  fake_connected(0, FOAL_OK);
}

static void answer_fin(void)
{
  fake_end(0, FOAL_CLEAN);
}

HOOK note_time(talk *self, foal_err why)
{
  (void)self, (void)why;
  closed_ms = wire_now_ms();
}

/* A client of somebody whom the script plays. */
static void dial(foal_ssl_ctx *const *ctx, foal_conn_options options)
{
  kit_start(1);
  talk_called = obey;
  client.closed = note_time;
  options.context = &client;
  foal_connect_options o = {.host = "192.0.2.7",
                            .port = 4242,
                            .ctx = ctx != NULL ? *ctx : NULL,
                            .verify_name = "localhost",
                            .conn = options};
  cr_assert(talk_try_connect(&o, &caller));
}

/* ---- firing and cancelling ---- */

Test(conf_lori, TimerFires)
{
  static const moment script[] = {{100, is_connected}, {200, arm_both}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tock tick closed:LOCAL"));
  cr_assert(wire_about(tock_ms, 400));
  cr_assert(wire_about(tick_ms, 600));
}

Test(conf_lori, TimerCancel)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm}, {500, cancel}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
}

/* Both have expired, and the message of the one is on its way while the other runs. */
Test(conf_lori, an_expired_timer_can_be_cancelled)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm_rivals}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert_eq((tick_ms != 0) + (tock_ms != 0), 1);
  cr_assert(wire_about(tick_ms + tock_ms, 600));
}

Test(conf_lori, TimerNotResetByIO)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm},        {300, hear_some}, {400, write_some},
      {500, hear_some},    {580, write_some}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened received:5 received:5 tick closed:LOCAL"));
  cr_assert(wire_about(tick_ms, 600));
}

/* lori has one timer and refuses a second; here both run. */
Test(conf_lori, SetTimerAlreadyActive)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm}, {300, arm}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tick tick closed:LOCAL"));
  cr_assert(wire_about(tick_ms, 700));
}

Test(conf_lori, TimerRearmFromCallback)
{
  static const moment script[] = {{100, is_connected}, {200, arm}, {2000, close_it}};
  ticks_left = 3;
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tick tick tick tick closed:LOCAL"));
  cr_assert_geq(tick_ms, 900);
  cr_assert_leq(tick_ms, 920);
}

Test(conf_lori, TimerCancelWrongToken)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm_both}, {500, cancel_wrong}, {1000, close_it}};
  dial(NULL, (foal_conn_options){.linger_ms = 100});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tock tick closed:LOCAL"));
  cr_assert(wire_about(tick_ms, 600));
}

/* ---- timers and the state of the connection ---- */

/* lori refuses; here the actor exists from the beginning, and so do its timers. */
Test(conf_lori, SetTimerNotOpen)
{
  static const moment script[] = {{100, arm}, {1000, abort_it}};
  dial(NULL, (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "tick closed:LOCAL"));
  cr_assert(wire_about(tick_ms, 500));
}

/* The actor ends with its connection and takes its timers along: kit_run finds none, and
 * the program does not wait for them. */
Test(conf_lori, TimerHardCloseCleanup)
{
  static const moment script[] = {{100, is_connected}, {200, arm}, {300, abort_it}};
  dial(NULL, (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
  cr_assert_lt(wire_now_ms(), 600);
}

/* lori refuses; here it can be armed. It fires if the closing lasts that long. */
Test(conf_lori, TimerSetDuringClosing)
{
  static const moment script[] = {
      {100, is_connected}, {200, close_it}, {300, arm}, {600, arm}, {800, answer_fin}};
  dial(NULL, (foal_conn_options){.linger_ms = 5000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tick closed:CLEAN"));
  cr_assert(wire_about(tick_ms, 700));
  cr_assert(wire_about(closed_ms, 800));
}

Test(conf_lori, TimerSurvivesClose)
{
  static const moment script[] = {
      {100, is_connected}, {200, arm}, {300, close_it}, {800, answer_fin}};
  dial(NULL, (foal_conn_options){.linger_ms = 5000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened tick closed:CLEAN"));
  cr_assert(wire_about(tick_ms, 600));
}

/* ---- timers and TLS ---- */

/* As above: armed and fired while nobody answers the handshake. */
Test(conf_lori, SetTimerNotOpenDuringSSLHandshake)
{
  static const moment script[] = {{100, is_connected}, {200, arm}};
  dial(&kit_client_ctx, (foal_conn_options){.handshake_ms = 1000});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "tick closed:TIMEOUT_HANDSHAKE"));
  cr_assert(wire_about(tick_ms, 600));
}

static void let_go(void)
{
  wire_hold(1, false);
}

static void join_and_hold(void)
{
  wire_join();
  wire_hold(1, true);
}

static void nothing_yet(void)
{
  must(fake(1)->out_len > 0); /* it has answered the client's hello */
  must(server.journal_len == 0);
}

HOOK arm_at_once(talk *self)
{
  ticking = talk_tick_after(self, 400);
}

/* No handler of an accepting side runs before its handshake is done, and nobody else
 * knows it: there is no moment in which a timer could be too early. */
Test(conf_lori, SetTimerNotOpenDuringSSLHandshakeServer)
{
  static const moment script[] = {
      {100, join_and_hold}, {900, nothing_yet}, {1000, let_go}, {2000, close_it}};
  dial(&kit_client_ctx, (foal_conn_options){.handshake_ms = 3000});
  server = (talk_plan){.opened = arm_at_once, .last = 1};
  talk_serve(&server, kit_server_ctx, NULL);
  WIRE_PLAY(script);
  cr_assert(talk_is(&server, "opened tick ended:CLEAN closed:CLEAN"));
  cr_assert(wire_about(tick_ms, 1400));
}

HOOK serve_tls(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(talk_say(self, "ok", 0) == FOAL_OK);
  must(foal_conn_start_tls(self->conn, kit_server_ctx, NULL) == FOAL_OK);
}

HOOK use_tls(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(foal_conn_start_tls(self->conn, kit_client_ctx, NULL) == FOAL_OK);
}

/* Armed before the upgrade it goes on, armed after it it works as before. */
Test(conf_lori, SetTimerAfterTLSUpgrade)
{
  static const moment script[] = {
      {100, wire_join}, {200, arm}, {300, write_some}, {900, arm}, {2000, close_it}};
  dial(NULL, (foal_conn_options){0});
  client.received = use_tls;
  server = (talk_plan){.received = serve_tls, .last = 1};
  talk_serve(&server, NULL, NULL);
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened received:2 opened tick tick closed:CLEAN"));
  cr_assert(wire_about(tick_ms, 1300));
}
