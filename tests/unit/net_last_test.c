/* net_last_test.c - a last write that waits, because the peer does not read yet: it gets
 * through, end and all, or `closed` does not call the end clean.
 *
 * The peer takes little and the system keeps little, so the answer, one write of the
 * session with the close_notify behind it, never fits. Whether it waits is seen in
 * bytes_out, which counts a write when all of it is with the system. */
#include "net_kit.h"

enum { ANSWER = 60000, WORDS = 5000, NARROW = 4096, SHORT_MS = 60, LONG_MS = 15000 };

static point_plan server;
static int tls_version; /* -1: plain */
static bool plain(void)
{
  return tls_version < 0;
}

HOOK answer_and_close(point *self, foal_buf **data)
{
  foal_buf *b;
  foal_buf_drop(data);
  kit_pattern(&b, 0, ANSWER);
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

HOOK answer(point *self, foal_buf **data)
{
  foal_buf *b;
  foal_buf_drop(data);
  kit_pattern(&b, 0, ANSWER);
  foal_conn_write(self->conn, &b);
}

HOOK answer_once(point *self, foal_buf **data)
{
  if (self->step++ == 0) {
    answer(self, data);
    return;
  }
  foal_buf_drop(data);
}

static void serve(int version, void (*fn)(uint16_t port), uint32_t write_ms)
{
  foal_conn_options options = {
      .send_bytes = NARROW, .write_ms = write_ms, .linger_ms = LONG_MS};
  tls_version = version;
  kit_start(1);
  if (server.received == NULL) server.received = answer_and_close;
  server.last = 1;
  kit_listen(&server, plain() ? NULL : kit_server_ctx, &options);
  kit_peer(fn, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

static void begin(peer *p, uint16_t port)
{
  peer_receive_bytes = NARROW;
  peer_open(p, port);
  if (!plain()) peer_tls(p, tls_version);
  peer_say(p, "x", 1);
}

/* Sends what was said; comes back when the answer waits. */
static void let_it_wait(peer *p)
{
  peer_send(p, 0);
  peer_wait(&server.opened_count, 1);
  while (server.received_bytes == 0) peer_pause(1);
  must(peer_wait_still().bytes_out < ANSWER);
  must(server.closed_count == 0);
}

static void take_all(peer *p)
{
  static uint8_t all[ANSWER];
  size_t rest;
  must(peer_read(p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(p, &rest) == 0);
  must(rest == 0);
}

/* ---- it gets through ---- */

static void reads_late(uint16_t port)
{
  static peer p;
  begin(&p, port);
  let_it_wait(&p);
  take_all(&p);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

Test(net_last, waits_and_gets_through_plain, .timeout = 14)
{
  serve(-1, reads_late, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}
Test(net_last, waits_and_gets_through_tls12, .timeout = 14)
{
  serve(TLS1_2_VERSION, reads_late, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}
Test(net_last, waits_and_gets_through_tls13, .timeout = 14)
{
  serve(TLS1_3_VERSION, reads_late, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* Without its own close_notify the peer has not ended cleanly, but we had said all. */
static void reads_late_and_says_nothing(uint16_t port)
{
  static peer p;
  begin(&p, port);
  let_it_wait(&p);
  take_all(&p);
  peer_close(&p);
}

Test(net_last, waits_for_a_peer_that_does_not_answer_it, .timeout = 14)
{
  serve(0, reads_late_and_says_nothing, LONG_MS);
  cr_assert_eq(server.why, FOAL_LOCAL);
}

/* The peer's end is there already; close comes with it. */
static void begin_and_end(peer *p, uint16_t port, bool fin)
{
  begin(p, port);
  if (!plain()) peer_notify(p);
  peer_send(p, 0);
  if (fin) peer_fin(p);
  let_it_wait(p);
}

static void ends_and_reads_late(uint16_t port)
{
  static peer p;
  begin_and_end(&p, port, true);
  take_all(&p);
  peer_close(&p);
}

Test(net_last, waits_behind_the_end_plain, .timeout = 14)
{
  server.received = answer;
  serve(-1, ends_and_reads_late, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}
Test(net_last, waits_behind_the_end_tls, .timeout = 14)
{
  server.received = answer;
  serve(0, ends_and_reads_late, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* Room ends the wait of who answered more than there was room for, with input left. */
HOOK last_words(point *self, size_t room)
{
  foal_buf *b;
  (void)room;
  kit_pattern(&b, ANSWER, WORDS);
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

static void reads_words(uint16_t port)
{
  static peer p;
  static uint8_t all[ANSWER + WORDS];
  size_t rest;
  begin(&p, port);
  peer_say(&p, all, sizeof all);
  let_it_wait(&p);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0 && rest == 0);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

Test(net_last, words_before_an_end_inside_sendable_plain, .timeout = 14)
{
  server.received = answer_once;
  server.sendable = last_words;
  serve(-1, reads_words, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}
Test(net_last, words_before_an_end_inside_sendable_tls, .timeout = 14)
{
  server.received = answer_once;
  server.sendable = last_words;
  serve(0, reads_words, LONG_MS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- it fails ---- */

static void resets(uint16_t port)
{
  static peer p;
  begin(&p, port);
  let_it_wait(&p);
  peer_reset(&p);
}

Test(net_last, waits_and_fails_plain, .timeout = 14)
{
  serve(-1, resets, LONG_MS);
  cr_assert_eq(server.why, FOAL_RESET);
}
Test(net_last, waits_and_fails_tls, .timeout = 14)
{
  serve(0, resets, LONG_MS);
  cr_assert_eq(server.why, FOAL_RESET);
}

/* Its close_notify says nothing about what it has not read. */
static void notifies_and_resets(uint16_t port)
{
  static peer p;
  begin_and_end(&p, port, false);
  peer_reset(&p);
}
static void ends_and_resets(uint16_t port)
{
  static peer p;
  begin_and_end(&p, port, true);
  peer_reset(&p);
}

Test(net_last, waits_and_fails_behind_close_notify, .timeout = 14)
{
  server.received = answer;
  serve(0, notifies_and_resets, LONG_MS);
  cr_assert_eq(server.why, FOAL_RESET);
}
Test(net_last, waits_and_fails_behind_the_end, .timeout = 14)
{
  server.received = answer;
  serve(0, ends_and_resets, LONG_MS);
  cr_assert_eq(server.why, FOAL_RESET);
}

/* ---- nobody ever takes it ---- */

static void never_reads(uint16_t port)
{
  static peer p;
  begin(&p, port);
  peer_send(&p, 0);
  peer_wait(&server.closed_count, 1);
  peer_close(&p);
}

static void ends_and_never_reads(uint16_t port)
{
  static peer p;
  begin(&p, port);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  peer_wait(&server.closed_count, 1);
  peer_close(&p);
}

/* No alarm is left of a handshake there. */
Test(net_last, waits_no_longer_than_a_write_may_plain, .timeout = 14)
{
  serve(-1, never_reads, SHORT_MS);
  cr_assert_eq(server.why, FOAL_TIMEOUT_WRITE);
}
Test(net_last, waits_no_longer_than_a_write_may_tls, .timeout = 14)
{
  serve(0, never_reads, SHORT_MS);
  cr_assert_eq(server.why, FOAL_TIMEOUT_WRITE);
}
Test(net_last, waits_no_longer_behind_the_end, .timeout = 14)
{
  server.received = answer;
  serve(0, ends_and_never_reads, SHORT_MS);
  cr_assert_eq(server.why, FOAL_TIMEOUT_WRITE);
}
