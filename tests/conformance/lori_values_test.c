/* lori_values_test.c - lori's rows about values that are checked, and about the size of
 * the read buffer.
 *
 * Two differences. Zero is never refused: in an option it means the default. And there is
 * no read buffer to be sized: one of 64 KiB belongs to each worker, none to a connection;
 * what lori does by the size of its buffer is done by foal_conn_expect, from 0, as it
 * comes, to 65536. */
#include "fake_wire.h"

TestSuite(conf_lori, .timeout = 30);

enum { EXPECT_MAX = 65536, DEFAULT_CONNECT_MS = 30000 };

static talk_plan server, client;
static talk_tag caller;
static uint64_t closed_ms;

HOOK note_time(talk *self, foal_err why)
{
  (void)self, (void)why;
  closed_ms = wire_now_ms();
}

static void dial(uint32_t connect_ms)
{
  kit_start(1);
  client.closed = note_time;
  foal_connect_options o = {
      .host = "192.0.2.7",
      .port = 4242,
      .conn = {.context = &client, .connect_ms = connect_ms, .linger_ms = 10}};
  cr_assert(talk_try_connect(&o, &caller));
}

static void is_connected(void)
{
  fake_connected(0, FOAL_OK);
}

static void close_it(void)
{
  talk_tell(caller, TALK_CLOSE, 0);
}

/* ---- how many connections ---- */

enum { CROWD = 5 };

static void arrive(void)
{
  for (int i = 0; i < CROWD; i++) fake_arrive();
}

static void one_is_in(void)
{
  must(fake_count() == 1 && fake_backlog() == CROWD - 1 && !fake_watched());
  fake_end(0, FOAL_CLEAN);
}

static void two_were_in(void)
{
  must(fake_count() == 2 && fake_backlog() == CROWD - 2 && !fake_watched());
  foal_listener_close(server.listener);
  fake_end(1, FOAL_CLEAN);
}

static void all_are_in(void)
{
  must(fake_count() == CROWD && fake_backlog() == 0 && fake_watched());
  foal_listener_close(server.listener);
  for (unsigned i = 0; i < CROWD; i++) fake_end(i, FOAL_CLEAN);
}

static void listen_with(uint32_t connections_max)
{
  kit_start(1);
  kit_connections_max = connections_max;
  server.quiet = true;
  talk_serve(&server, NULL, NULL);
}

/* No limit that admits nobody can be asked for: 0 is the default. */
Test(conf_lori, MaxSpawnRejectsZero)
{
  static const moment script[] = {{100, arrive}, {200, all_are_in}};
  listen_with(0);
  WIRE_PLAY(script);
  cr_assert_eq(server.closed_count, CROWD);
}

Test(conf_lori, MaxSpawnAcceptsBoundary)
{
  static const moment script[] = {{100, arrive}, {200, one_is_in}, {300, two_were_in}};
  listen_with(1);
  WIRE_PLAY(script);
  cr_assert_eq(server.closed_count, 2);
}

Test(conf_lori, the_most_connections_are_2_to_the_32_less_1)
{
  static const moment script[] = {{100, arrive}, {200, all_are_in}};
  listen_with(UINT32_MAX);
  WIRE_PLAY(script);
  cr_assert_eq(server.closed_count, CROWD);
}

/* ---- how long to connect ---- */

Test(conf_lori, ConnectionTimeoutValidationRejectsZero)
{
  dial(0);
  wire_play(NULL, 0);
  cr_assert(talk_is(&client, "closed:TIMEOUT_CONNECT"));
  cr_assert(wire_about(closed_ms, DEFAULT_CONNECT_MS));
}

static void times_out_after(uint32_t connect_ms)
{
  dial(connect_ms);
  wire_play(NULL, 0);
  cr_assert(talk_is(&client, "closed:TIMEOUT_CONNECT"));
  cr_assert(wire_about(closed_ms, connect_ms));
}

/* From 1 ms to 2^32 - 1 ms, 49 days, longer than one timer can be. */
Test(conf_lori, ConnectionTimeoutValidationAcceptsBoundary)
{
  times_out_after(UINT32_MAX);
}

Test(conf_lori, the_shortest_connection_timeout_is_a_millisecond)
{
  times_out_after(1);
}

/* ---- how long a timer ---- */

FOAL_TIMER(talk, tick)

static uint64_t armed_ms, fired_ms, delay_ms;
static bool arming;

static void talk_on_tick(talk *self)
{
  must(!arming); /* never from inside the call */
  fired_ms = wire_now_ms();
  foal_conn_close(self->conn);
}

HOOK arm(talk *self)
{
  arming = true;
  armed_ms = wire_now_ms();
  (void)talk_tick_after(self, delay_ms);
  arming = false;
}

static void fires_after(uint64_t delay, uint64_t expected)
{
  static const moment script[] = {{100, is_connected}};
  client = (talk_plan){.opened = arm};
  delay_ms = delay;
  dial(0);
  WIRE_PLAY(script);
  must(client.opened_count == 1);
  must(wire_about(fired_ms - armed_ms, expected));
}

/* A delay of 0 is the next turn of the clock, not an error. */
Test(conf_lori, TimerDurationValidationRejectsZero)
{
  fires_after(0, 0);
}

/* From 1 ms to FOAL_TIMER_MS_MAX, 24 days. */
Test(conf_lori, TimerDurationValidationAcceptsBoundary)
{
  fires_after(FOAL_TIMER_MS_MAX, FOAL_TIMER_MS_MAX);
}

Test(conf_lori, the_shortest_timer_is_a_millisecond)
{
  fires_after(1, 1);
}

/* What is longer than the longest is cut to it: no sum runs over. */
Test(conf_lori, a_timer_of_all_time_is_cut)
{
  fires_after(UINT64_MAX, FOAL_TIMER_MS_MAX);
}

/* ---- frames in place of buffers ---- */

static uint8_t input[2 * EXPECT_MAX];
static size_t heard;

static void hear(size_t len)
{
  fake_bytes(0, input + heard, len);
  heard += len;
}

static void hear_10(void)
{
  hear(10);
}

static void hear_90(void)
{
  hear(90);
}

static void hear_half(void)
{
  hear(EXPECT_MAX / 2);
}

static void expect(uint32_t bytes)
{
  talk_tell(caller, TALK_EXPECT, bytes);
}

static void expect_0(void)
{
  expect(0);
}

static void expect_1(void)
{
  expect(1);
}

static void expect_4(void)
{
  expect(4);
}

static void expect_100(void)
{
  expect(100);
}

static void expect_most(void)
{
  expect(EXPECT_MAX);
}

/* Plays with the pattern as input, and looks whether it came. */
static void play_frames(const moment *script, unsigned count)
{
  foal_buf *b;
  dial(0);
  kit_pattern(&b, 0, sizeof input);
  memcpy(input, foal_buf_data(b), sizeof input);
  foal_buf_drop(&b);
  wire_play(script, count);
  size_t kept = client.received_bytes;
  if (kept > sizeof client.got) kept = sizeof client.got;
  cr_assert_eq(memcmp(client.got, input, kept), 0);
}
#define PLAY_FRAMES(script) play_frames(script, sizeof(script) / sizeof(script)[0])

/* 0 is no error, it is the end of framing: what was not enough comes now. */
Test(conf_lori, ReadBufferSizeRejectsZero)
{
  static const moment script[] = {{100, is_connected}, {200, expect_4}, {300, hear_10},
                                  {400, expect_0},     {500, hear_10},  {600, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:4 received:4 received:2 received:10 "
                             "closed:LOCAL"));
}

Test(conf_lori, ReadBufferSizeAcceptsBoundary)
{
  static const moment script[] = {{100, is_connected}, {200, expect_1},  {300, hear_10},
                                  {400, expect_most},  {500, hear_half}, {600, hear_half},
                                  {700, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:1 received:1 received:1 received:1 "
                             "received:1 received:1 received:1 received:1 received:1 "
                             "received:1 received:65536 closed:LOCAL"));
}

HOOK frames_of_100(talk *self)
{
  foal_conn_expect(self->conn, 100);
}

/* What a constructor is told: before the first byte. */
Test(conf_lori, ReadBufferConstructorSize)
{
  static const moment script[] = {
      {100, is_connected}, {200, hear_90}, {300, hear_90}, {400, close_it}};
  client.opened = frames_of_100;
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:100 closed:LOCAL"));
}

/* More than before: what is there already counts. */
Test(conf_lori, SetReadBufferMinimumSuccess)
{
  static const moment script[] = {{100, is_connected}, {200, expect_4}, {300, hear_10},
                                  {400, expect_100},   {500, hear_90},  {600, hear_10},
                                  {700, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:4 received:4 received:100 closed:LOCAL"));
}

/* lori refuses a minimum below what is asked for. Here there is one number; less than
 * before gives at once what is there. */
Test(conf_lori, SetReadBufferMinimumBelowBufferSize)
{
  static const moment script[] = {{100, is_connected},
                                  {200, expect_100},
                                  {300, hear_10},
                                  {400, expect_4},
                                  {600, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:4 received:4 closed:LOCAL"));
}

Test(conf_lori, ResizeReadBufferSuccess)
{
  static const moment script[] = {
      {100, is_connected}, {200, expect_100}, {300, hear_10},  {400, expect_most},
      {500, hear_half},    {600, hear_half},  {700, expect_4}, {800, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:65536 received:4 received:4 closed:LOCAL"));
}

static void nothing_is_kept(void)
{
  foal_counters c;
  foal_counters_read(&c);
  must(c.bufs_live == 0);
}

/* lori's buffer does not shrink below what is in use. Here nothing has to: who waits for
 * a frame keeps what has arrived of it, who waits for nothing keeps nothing. */
Test(conf_lori, ResizeReadBufferBelowBufferSize)
{
  static const moment script[] = {{100, is_connected},    {200, expect_most},
                                  {300, hear_half},       {400, hear_half},
                                  {500, nothing_is_kept}, {600, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:65536 closed:LOCAL"));
}

Test(conf_lori, BufferSizeAtMinimum)
{
  static const moment script[] = {{100, expect_most},
                                  {200, is_connected},
                                  {300, hear_half},
                                  {400, hear_half},
                                  {500, close_it}};
  PLAY_FRAMES(script);
  cr_assert(talk_is(&client, "opened received:65536 closed:LOCAL"));
}

HOOK expect_more(talk *self)
{
  foal_conn_expect(self->conn, EXPECT_MAX + 1);
}

/* lori refuses the value; here the connection ends with its reason. */
Test(conf_lori, BufferSizeAboveMinimum)
{
  static const moment script[] = {{100, is_connected}};
  client.opened = expect_more;
  dial(0);
  WIRE_PLAY(script);
  cr_assert(talk_is(&client, "opened closed:LIMIT"));
}
