/* lori_flow_test.c - the rows of lori about flow control and about connections that must
 * not go silent after a big write.
 *
 * Over real sockets; the peers are raw and decide what each segment carries. */
#include "lori_kit.h"

TestSuite(conf_lori, .timeout = 30);

enum { BIG = 8000000 }; /* more than the system holds between two */
enum { PIECES = 16 };

static talk_plan server;
static talk_tag one;
static bool tls;
static uint8_t all[BIG];

HOOK remember(talk *self)
{
  one = talk_me(self);
}

static void serve_with(void (*fn)(uint16_t port), bool with_tls,
                       const foal_conn_options *options)
{
  tls = with_tls;
  kit_start(1);
  server.last = 1;
  talk_serve(&server, tls ? kit_server_ctx : NULL, options);
  kit_peer(fn, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

static void serve(void (*fn)(uint16_t port), bool with_tls)
{
  serve_with(fn, with_tls, NULL);
}

static void begin(peer *p, uint16_t port)
{
  peer_open(p, port);
  if (tls) peer_tls(p, 0);
  peer_wait(&server.opened_count, 1);
}

static void say(peer *p, const char *text)
{
  peer_say(p, text, strlen(text));
  peer_send(p, 0);
}

static void end(peer *p)
{
  if (p->ssl != NULL) peer_notify(p);
  peer_send(p, 0);
  peer_fin(p);
}

/* Ends well: our end, then that of the library. */
static void part(peer *p)
{
  size_t rest;
  end(p);
  must(peer_read_end(p, &rest) == 0);
  peer_close(p);
}

/* ---- mute ---- */

HOOK muted_opened(talk *self)
{
  remember(self);
  foal_conn_mute(self->conn);
}

static void talks_to_a_muted_one(uint16_t port)
{
  static peer p;
  begin(&p, port);
  say(&p, "hello");
  (void)peer_wait_still();
  must(server.received_bytes == 0);
  talk_tell(one, TALK_ABORT, 0);
  peer_wait(&server.closed_count, 1);
  peer_close(&p);
}

Test(conf_lori, TestMute)
{
  server.opened = muted_opened;
  serve(talks_to_a_muted_one, false);
  cr_assert(talk_is(&server, "opened closed:LOCAL"));
}

static void talks_and_unmutes(uint16_t port)
{
  static peer p;
  begin(&p, port);
  say(&p, "hello");
  (void)peer_wait_still();
  must(server.received_bytes == 0);
  talk_tell(one, TALK_UNMUTE, 0);
  while (server.received_bytes < 5) peer_pause(1);
  part(&p);
}

Test(conf_lori, TestUnmute)
{
  server.opened = muted_opened;
  serve(talks_and_unmutes, false);
  cr_assert(talk_is(&server, "opened received:5 ended:CLEAN closed:CLEAN"));
}

static peer flooder;
static atomic_uint flooding, flooded;

static void floods(uint16_t port)
{
  begin(&flooder, port);
  flooding = 1;
  for (size_t at = 0; at < BIG; at += 50000) {
    foal_buf *b;
    kit_pattern(&b, at, 50000);
    peer_say(&flooder, foal_buf_data(b), 50000);
    foal_buf_drop(&b);
    peer_send(&flooder, 0);
    flooded += 50000;
  }
  part(&flooder);
}

static void unmutes_when_full(uint16_t port)
{
  (void)port;
  peer_wait(&flooding, 1);
  foal_counters c = peer_wait_still();
  must(server.received_bytes == 0 && server.closed_count == 0);
  must(c.bytes_in < BIG && flooded > 0 && flooded < BIG);
  talk_tell(one, TALK_UNMUTE, 0);
}

HOOK counts(talk *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->sent, len));
  self->sent += len;
  foal_buf_drop(data);
}

/* lori took a full read buffer for the end of the stream once. */
Test(conf_lori, MuteWithFullReadBuffer)
{
  server.opened = muted_opened;
  server.received = counts;
  server.quiet = true;
  kit_start(1);
  server.last = 1;
  talk_serve(&server, NULL, NULL);
  kit_peer(floods, server.listener.port);
  kit_peer(unmutes_when_full, server.listener.port);
  kit_run();
  cr_assert_eq(server.received_bytes, BIG);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

HOOK sends_first(talk *self)
{
  remember(self);
  must(talk_send(self, 10, 1) == FOAL_OK);
}

HOOK mutes(talk *self, uint64_t token, foal_err how)
{
  must(token == 1 && how == FOAL_OK);
  foal_conn_mute(self->conn);
}

static void answers_what_was_sent(uint16_t port)
{
  static peer p;
  begin(&p, port);
  must(peer_read(&p, all, 10) == 10);
  say(&p, "hello");
  (void)peer_wait_still();
  must(server.sent_count == 1 && server.received_bytes == 0);
  talk_tell(one, TALK_UNMUTE, 0);
  while (server.received_bytes < 5) peer_pause(1);
  part(&p);
}

Test(conf_lori, MuteFromOnSent)
{
  server.opened = sends_first;
  server.receipt = mutes;
  serve(answers_what_was_sent, false);
  cr_assert(talk_is(&server, "opened receipt:1:OK received:5 ended:CLEAN closed:CLEAN"));
}

/* ---- five frames of one record ---- */

HOOK expects_ten(talk *self)
{
  remember(self);
  foal_conn_expect(self->conn, 10);
}

static void fifty_at_once(uint16_t port)
{
  static peer p;
  begin(&p, port);
  say(&p, "0123456789abcdefghijABCDEFGHIJklmnopqrstKLMNOPQRST");
  part(&p);
}

HOOK unmutes(talk *self, uint32_t step)
{
  talk_note(self->plan, "unmute:%u", (unsigned)step);
  foal_conn_unmute(self->conn);
}

HOOK mutes_thrice(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  uint32_t step = ++self->step;
  if (step != 1 && step != 2 && step != 4) return;
  foal_conn_mute(self->conn);
  talk_tell(talk_me(self), TALK_CALL, step);
}

Test(conf_lori, SSLMute)
{
  server.opened = expects_ten;
  server.received = mutes_thrice;
  talk_called = unmutes;
  serve(fifty_at_once, true);
  cr_assert(talk_is(&server, "opened received:10 unmute:1 received:10 unmute:2 "
                             "received:10 received:10 unmute:4 received:10 "
                             "ended:CLEAN closed:CLEAN"));
  cr_assert_arr_eq(server.got, "0123456789abcdefghijABCDEFGHIJklmnopqrstKLMNOPQRST", 50);
}

HOOK mutes_and_closes(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_mute(self->conn);
  talk_tell(talk_me(self), TALK_CLOSE, 0);
  talk_tell(talk_me(self), TALK_UNMUTE, 0);
}

/* In lori the close of a muted connection is a hard one; ours is graceful, and drops what
 * was held all the same. */
Test(conf_lori, SSLMuteCloseDropsHeld)
{
  server.opened = expects_ten;
  server.received = mutes_and_closes;
  serve(fifty_at_once, true);
  cr_assert(talk_is(&server, "opened received:10 closed:CLEAN"));
}

/* ---- yield ---- */

HOOK yields(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  talk_tell(talk_me(self), TALK_NOTE, ++self->step);
  foal_conn_yield(self->conn);
}

static void yields_after_each(bool with_tls)
{
  server.opened = expects_ten;
  server.received = yields;
  serve(fifty_at_once, with_tls);
  cr_assert(talk_is(&server, "opened received:10 note:1 received:10 note:2 received:10 "
                             "note:3 received:10 note:4 received:10 note:5 "
                             "ended:CLEAN closed:CLEAN"));
}

/* Pony yields by the result of `received`, ours by foal_conn_yield in it. */
Test(conf_lori, YieldRead)
{
  yields_after_each(false);
}

Test(conf_lori, SSLYieldRead)
{
  yields_after_each(true);
}

/* ---- no silence after a big write ---- */

static const foal_conn_options big_queue = {.queue_bytes_max = 2 * BIG,
                                            .send_bytes = 65536};

HOOK sends_big(talk *self)
{
  remember(self);
  for (uint64_t i = 1; i <= PIECES; i++)
    must(talk_send(self, BIG / PIECES, i) == FOAL_OK);
  must(foal_conn_room(self->conn) == 0);
}

/* Nothing is read before it is stuck. */
static void begin_stuck(peer *p, uint16_t port)
{
  begin(p, port);
  foal_counters c = peer_wait_still();
  must(c.bytes_out < BIG && server.sendable_count == 0);
}

static void read_big(peer *p)
{
  must(peer_read(p, all, BIG) == BIG);
  must(kit_is_pattern(all, 0, BIG));
}

static void reads_late(uint16_t port)
{
  static peer p;
  begin_stuck(&p, port);
  must(server.sent_count < PIECES);
  read_big(&p);
  while (server.sendable_count == 0) peer_pause(1);
  part(&p);
}

Test(conf_lori, BackpressureDrain)
{
  server.opened = sends_big;
  serve_with(reads_late, false, &big_queue);
  cr_assert_eq(server.sent_count, PIECES);
  cr_assert_eq(server.sendable_count, 1);
  cr_assert(talk_has(&server, "opened receipt:1:OK receipt:2:OK receipt:16:OK "
                              "ended:CLEAN closed:CLEAN"));
  cr_assert(talk_has(&server, "opened receipt:1:OK sendable ended:CLEAN"));
}

static void reads_late_and_talks(uint16_t port)
{
  static peer p;
  begin_stuck(&p, port);
  read_big(&p);
  peer_wait(&server.sent_count, PIECES);
  say(&p, "hello");
  while (server.received_bytes < 5) peer_pause(1);
  part(&p);
}

/* The last event was about writing; reading is not forgotten. */
Test(conf_lori, WriteOnlyEventReadRecovery)
{
  server.opened = sends_big;
  serve_with(reads_late_and_talks, false, &big_queue);
  cr_assert(talk_has(&server, "receipt:16:OK received:5 ended:CLEAN closed:CLEAN"));
}

static void talks_and_reads_late(uint16_t port)
{
  static peer p;
  begin_stuck(&p, port);
  for (unsigned i = 1; i <= 3; i++) {
    say(&p, "hello");
    while (server.received_bytes < 5 * i) peer_pause(1);
  }
  read_big(&p);
  part(&p);
}

/* While it is stuck only reading has events; the write goes on all the same. */
Test(conf_lori, ReadableEventWriteRecovery)
{
  server.opened = sends_big;
  serve_with(talks_and_reads_late, false, &big_queue);
  cr_assert(talk_has(&server, "opened received:5 received:5 received:5 receipt:16:OK "
                              "ended:CLEAN closed:CLEAN"));
  cr_assert_eq(server.sent_count, PIECES);
}
