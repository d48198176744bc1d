/* lori_fixes_fake_test.c - what lori had to repair, version by version, first part: what
 * depends on the moment, without the system and without real time.
 *
 * The number before a test is the version that brought the repair. */
#include "fake_wire.h"

#include <string.h>

TestSuite(conf_lori_fixes, .timeout = 30);

static talk_plan server, client;
static talk_tag caller;
static uint64_t closed_ms;

HOOK note_time(talk *self, foal_err why)
{
  (void)self, (void)why;
  closed_ms = wire_now_ms();
}

static void dial(const char *host, foal_conn_options options)
{
  kit_start(1);
  client.closed = note_time;
  options.context = &client;
  foal_connect_options o = {.host = host, .port = 4242, .conn = options};
  cr_assert(talk_try_connect(&o, &caller));
}

static void is_connected(void)
{
  fake_connected(0, FOAL_OK);
}

static void is_connected_and_full(void)
{
  fake(0)->taking = FAKE_HOLDS;
  fake_connected(0, FOAL_OK);
}

static void write_some(void)
{
  talk_tell(caller, TALK_WRITE, 10);
}

static void write_much(void)
{
  talk_tell(caller, TALK_WRITE, 100000);
}

static void close_it(void)
{
  talk_tell(caller, TALK_CLOSE, 0);
}

static void abort_it(void)
{
  talk_tell(caller, TALK_ABORT, 0);
}

static void end_it(void)
{
  foal_actor_tell_end(caller.any, FOAL_LOCAL);
}

static void take_all(void)
{
  (void)fake_take(0, SIZE_MAX);
}

static void takes_from_now_on(void)
{
  fake(0)->taking = FAKE_TAKES;
  take_all();
}

static void answer_fin(void)
{
  fake_end(0, FOAL_CLEAN);
}

/* ---- 0.6.1: the limit of connections was wrong ---- */

enum { CROWD = 10, AT_ONCE = 3 };

static void arrive(void)
{
  for (int i = 0; i < CROWD; i++) fake_arrive();
}

/* n have come in so far, AT_ONCE of them are still there: the oldest leaves. */
static void next_one(void)
{
  static unsigned gone;
  unsigned expected = gone + AT_ONCE < CROWD ? gone + AT_ONCE : CROWD;
  must(fake_count() == expected);
  must(fake_backlog() == CROWD - expected);
  must(fake_watched() == (gone + AT_ONCE > CROWD));
  fake_end(gone++, FOAL_CLEAN);
}

Test(conf_lori_fixes, connection_limit_exact)
{
  moment script[CROWD + 1] = {{10, arrive}};
  for (unsigned i = 1; i <= CROWD; i++) script[i] = (moment){100 * i, next_one};
  kit_start(1);
  kit_connections_max = AT_ONCE;
  server.quiet = true;
  server.last = CROWD;
  talk_serve(&server, NULL, NULL);
  WIRE_PLAY(script);
  cr_assert_eq(server.closed_count, CROWD);
}

/* ---- 0.6.1: buffers that waited were leaked by a hard close ---- */

/* kit_run counts the buffers. */
Test(conf_lori_fixes, waiting_buffers_are_dropped_by_abort)
{
  static const moment script[] = {{100, is_connected_and_full},
                                  {200, write_much},
                                  {300, write_much},
                                  {400, abort_it}};
  dial("192.0.2.7", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_has(&client, "opened closed:LOCAL"));
  cr_assert(fake(0)->reset, "the peer must not take the part for the whole");
}

/* ---- 0.7.0: `unthrottled` without a `throttled` ---- */

static void nothing_to_tell(void)
{
  must(client.sendable_count == 0);
}

Test(conf_lori_fixes, sendable_only_after_room_was_gone)
{
  static const moment script[] = {{100, is_connected_and_full},
                                  {200, write_some},
                                  {300, takes_from_now_on},
                                  {400, write_some},
                                  {500, nothing_to_tell},
                                  {600, write_much},
                                  {700, close_it}};
  dial("192.0.2.7", (foal_conn_options){.linger_ms = 10});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened sendable closed:LOCAL"));
  cr_assert_eq(fake(0)->out_len, 100020);
}

/* ---- 0.8.1: the failure was told after `closed` ---- */

static void send_late(void)
{
  talk_tell(caller, TALK_SEND, 1);
  talk_tell(caller, TALK_CLOSE, 0);
  talk_tell(caller, TALK_NOTE, 2);
}

Test(conf_lori_fixes, nothing_follows_closed)
{
  static const moment script[] = {{100, is_connected_and_full},
                                  {200, write_much},
                                  {300, answer_fin},
                                  {400, abort_it},
                                  {500, send_late}};
  dial("192.0.2.7", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened sendable ended:CLEAN closed:LOCAL"));
}

/* ---- 0.8.5: milliseconds became nanoseconds in too few bits ---- */

Test(conf_lori_fixes, the_longest_idle_time_does_not_run_over)
{
  static const moment script[] = {{100, is_connected}};
  dial("192.0.2.7", (foal_conn_options){.idle_ms = UINT32_MAX, .linger_ms = 10});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:TIMEOUT_IDLE"));
  cr_assert_geq(closed_ms, UINT32_MAX);
}

/* ---- 0.10.0: the read loop did not yield ---- */

enum { FRAMES = 2000, FRAMES_A_TURN_MAX = 256 };

static unsigned frames, frames_before;

HOOK count_frames(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (frames++ == 0) talk_tell(talk_me(self), TALK_CALL, 0);
}

HOOK look_at_frames(talk *self, uint32_t what)
{
  (void)self, (void)what;
  frames_before = frames;
}

HOOK frames_of_one(talk *self)
{
  foal_conn_expect(self->conn, 1);
}

static void hear_frames(void)
{
  static uint8_t bytes[FRAMES];
  fake_bytes(0, bytes, sizeof bytes);
}

/* A message that the first frame has sent is handled long before the last one. */
Test(conf_lori_fixes, reading_lets_others_have_a_turn)
{
  static const moment script[] = {
      {100, is_connected}, {200, hear_frames}, {300, close_it}};
  client = (talk_plan){.opened = frames_of_one, .received = count_frames, .quiet = true};
  talk_called = look_at_frames;
  dial("192.0.2.7", (foal_conn_options){.linger_ms = 10});
  WIRE_PLAY(script);
  cr_assert_eq(frames, FRAMES);
  cr_assert_gt(frames_before, 0);
  cr_assert_leq(frames_before, FRAMES_A_TURN_MAX);
}

/* ---- 0.11.0: dispose hung when the peer's FIN was missed ---- */

Test(conf_lori_fixes, the_end_of_the_actor_waits_for_nobody)
{
  static const moment script[] = {
      {100, is_connected_and_full}, {200, write_much}, {210, write_much}, {300, end_it}};
  dial("192.0.2.7", (foal_conn_options){.linger_ms = 100000, .write_ms = 100000});
  WIRE_PLAY(script);
  cr_assert(talk_has(&client, "opened closed:LOCAL"));
  cr_assert(wire_about(closed_ms, 300));
  cr_assert_lt(wire_now_ms(), 1000);
}

Test(conf_lori_fixes, closing_waits_for_linger_ms_at_most)
{
  static const moment script[] = {{100, is_connected}, {200, close_it}};
  dial("192.0.2.7", (foal_conn_options){.linger_ms = 700});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
  cr_assert(wire_about(closed_ms, 900));
}

/* ---- 0.12.0: timers and descriptors were leaked ---- */

/* Nothing waits for the hour that was armed. */
Test(conf_lori_fixes, no_timer_outlives_its_connection)
{
  static const moment script[] = {{100, is_connected}, {200, answer_fin}};
  foal_conn_options hour = {.connect_ms = 3600000,
                            .handshake_ms = 3600000,
                            .idle_ms = 3600000,
                            .write_ms = 3600000,
                            .linger_ms = 3600000};
  dial("192.0.2.7", hour);
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened ended:CLEAN closed:CLEAN"));
  cr_assert_lt(wire_now_ms(), 1000);
}

static void second_is_connected(void)
{
  must(fake_count() == 3);
  fake_connected(1, FOAL_OK);
}

static void others_are_gone(void)
{
  must(fake(0)->gone && fake(2)->gone && !fake(1)->closing);
  close_it();
}

Test(conf_lori_fixes, leaked_fds_of_abandoned_attempts)
{
  static const moment script[] = {{600, second_is_connected}, {700, others_are_gone}};
  memcpy(fake_addrs, "\1\2\3", 4);
  dial("many.test", (foal_conn_options){.linger_ms = 10});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
  cr_assert_eq(fake_count(), 3, "nobody tries on");
  for (unsigned i = 0; i < 3; i++) cr_assert(fake(i)->gone);
}

/* Two succeed in the same moment: one counts, the other is closed. */
static void both_are_connected(void)
{
  fake_connected(0, FOAL_OK);
  fake_connected(1, FOAL_OK);
}

static void one_is_left(void)
{
  must(fake(0)->closing != fake(1)->closing);
  close_it();
}

Test(conf_lori_fixes, two_attempts_succeed_at_once)
{
  static const moment script[] = {{300, both_are_connected}, {400, one_is_left}};
  memcpy(fake_addrs, "\1\2", 3);
  dial("two.test", (foal_conn_options){.linger_ms = 10});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LOCAL"));
  cr_assert(fake(0)->gone && fake(1)->gone);
}

/* ---- 0.13.0, 0.19.0: dispose before or during the beginning crashed, and leaked ---- */

Test(conf_lori_fixes, dispose_before_initialisation)
{
  dial("192.0.2.7", (foal_conn_options){0});
  end_it();
  wire_play(NULL, 0);
  cr_assert(talk_is(&client, "closed:LOCAL"));
}

Test(conf_lori_fixes, dispose_while_connecting)
{
  static const moment script[] = {{300, end_it}};
  memcpy(fake_addrs, "\1\2\3", 4);
  dial("many.test", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "closed:LOCAL"));
  for (unsigned i = 0; i < fake_count(); i++) cr_assert(fake(i)->gone);
}

static void connected_and_ended(void)
{
  fake_connected(0, FOAL_OK);
  end_it();
}

Test(conf_lori_fixes, dispose_in_the_moment_of_connecting)
{
  static const moment script[] = {{100, connected_and_ended}};
  dial("192.0.2.7", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert_eq(client.closed_count, 1);
  cr_assert_eq(client.why, FOAL_LOCAL);
  cr_assert(fake(0)->gone);
}

static void is_shaking_hands(void)
{
  wire_join();
  wire_hold(1, true);
}

/* Both sides have an actor, and none was told of a connection yet. */
Test(conf_lori_fixes, dispose_during_the_handshake)
{
  static const moment script[] = {{100, is_shaking_hands}, {300, end_it}};
  kit_start(1);
  server.last = 1;
  talk_serve(&server, kit_server_ctx, NULL);
  foal_connect_options o = {.host = "192.0.2.7",
                            .port = 4242,
                            .ctx = kit_client_ctx,
                            .conn = {.context = &client}};
  cr_assert(talk_try_connect(&o, &caller));
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "closed:LOCAL"));
  cr_assert(talk_is(&server, "closed:TRUNCATED"));
}

static void arrive_and_stop_listening(void)
{
  arrive();
  foal_listener_close(server.listener);
}

Test(conf_lori_fixes, a_listener_is_disposed_before_it_accepts)
{
  static const moment script[] = {{0, arrive_and_stop_listening}};
  kit_start(1);
  server.quiet = true;
  talk_serve(&server, NULL, NULL);
  WIRE_PLAY(script);
  cr_assert_eq(server.opened_count, server.closed_count);
}

/* ---- 0.16.1: the idle timeout killed connections that were still sending ---- */

static void take_a_part(void)
{
  must(fake_take(0, 1000) == 1000);
}

Test(conf_lori_fixes, idle_timeout_spares_what_drains)
{
  static const moment script[] = {
      {100, is_connected_and_full}, {200, write_much},         {300, close_it},
      {1500, take_a_part},          {3000, takes_from_now_on}, {3500, answer_fin}};
  dial("192.0.2.7", (foal_conn_options){.idle_ms = 400, .linger_ms = 2000});
  WIRE_PLAY(script);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(fake(0)->out_len, 100000);
  cr_assert(kit_is_pattern(fake(0)->out, 0, 100000));
}

/* ---- 0.17.0: a stray read after a close inside `received` ---- */

HOOK close_in_received(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_close(self->conn);
}

static void hear_twice(void)
{
  fake_bytes(0, "one", 3);
  fake_bytes(0, "two", 3);
  fake_end(0, FOAL_CLEAN);
}

Test(conf_lori_fixes, nothing_is_delivered_after_a_close_inside_received)
{
  static const moment script[] = {{100, is_connected}, {200, hear_twice}};
  client.received = close_in_received;
  dial("192.0.2.7", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened received:3 closed:CLEAN"));
}

/* ---- #344: a close while muted is a hard close in lori ---- */

static void mute(void)
{
  talk_tell(caller, TALK_MUTE, 0);
}

/* Here it is as any other: what was written leaves, what arrives is thrown away. */
Test(conf_lori_fixes, close_while_muted_is_graceful)
{
  static const moment script[] = {{100, is_connected_and_full},
                                  {200, mute},
                                  {300, write_much},
                                  {400, hear_twice},
                                  {500, close_it},
                                  {900, takes_from_now_on}};
  dial("192.0.2.7", (foal_conn_options){0});
  WIRE_PLAY(script);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(client.received_bytes, 0);
  cr_assert_eq(fake(0)->out_len, 100000);
  cr_assert(fake(0)->closing && !fake(0)->reset);
}
