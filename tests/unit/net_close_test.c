/* net_close_test.c - how connections end: every reason, from both sides, nothing lost
 * before it.
 *
 * Each test names who does what on the wire; the server's plan notes what it was told. */
#include "net_kit.h"

static point_plan server;
static int tls_version; /* -1: plain */
static bool plain(void)
{
  return tls_version < 0;
}

static void serve(int version, void (*fn)(uint16_t port),
                  const foal_conn_options *options)
{
  tls_version = version;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, plain() ? NULL : kit_server_ctx, options);
  kit_peer(fn, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

static void begin(peer *p, uint16_t port)
{
  peer_open(p, port);
  if (!plain()) peer_tls(p, tls_version);
}

/* ---- the four ends of a stream ---- */

static void data_and_end_in_one_segment(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read_end(&p, &bytes) == 0);
  must(bytes == 5);
  peer_close(&p);
}

static void clean_end(int version)
{
  serve(version, data_and_end_in_one_segment, NULL);
  cr_assert_eq(server.received_bytes, 5);
  cr_assert_eq(server.ended_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_close, clean_plain, .timeout = 20)
{
  clean_end(-1);
}
Test(net_close, clean_tls12, .timeout = 20)
{
  clean_end(TLS1_2_VERSION);
}
Test(net_close, clean_tls13, .timeout = 20)
{
  clean_end(TLS1_3_VERSION);
}

static void data_and_bare_fin(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_send(&p, 0);
  peer_fin(&p);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

static void truncated_end(int version)
{
  serve(version, data_and_bare_fin, NULL);
  cr_assert_eq(server.received_bytes, 5);
  cr_assert_eq(server.ended_count, 0);
  cr_assert_eq(server.why, FOAL_TRUNCATED);
}

Test(net_close, truncated_tls12, .timeout = 20)
{
  truncated_end(TLS1_2_VERSION);
}
Test(net_close, truncated_tls13, .timeout = 20)
{
  truncated_end(TLS1_3_VERSION);
}

enum { HALF_BYTES = 4000000 };

HOOK half_more(point *self, size_t room)
{
  (void)room;
  kit_stream(self, HALF_BYTES);
  if (self->sent == HALF_BYTES) foal_conn_close(self->conn);
}

HOOK half_received(point *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

HOOK half_ended(point *self, foal_err why)
{
  must(why == FOAL_CLEAN);
  half_more(self, 1);
}

static void half_close(uint16_t port)
{
  static peer p;
  static uint8_t all[HALF_BYTES];
  size_t rest;
  begin(&p, port);
  peer_say(&p, "give me", 7);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  must(rest == 0);
  peer_close(&p);
}

static void half_closed(int version)
{
  server =
      (point_plan){.received = half_received, .ended = half_ended, .sendable = half_more};
  serve(version, half_close, NULL);
  cr_assert_eq(server.received_bytes, 7);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_close, half_close_plain, .timeout = 30)
{
  half_closed(-1);
}
Test(net_close, half_close_tls12, .timeout = 30)
{
  half_closed(TLS1_2_VERSION);
}
Test(net_close, half_close_tls13, .timeout = 30)
{
  half_closed(TLS1_3_VERSION);
}

static void reset_after_data(uint16_t port)
{
  static peer p;
  char echo[5];
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_send(&p, 0);
  must(peer_read(&p, echo, 5) == 5);
  peer_reset(&p);
}

static void reset_end(int version)
{
  serve(version, reset_after_data, NULL);
  cr_assert_eq(server.received_bytes, 5);
  cr_assert_eq(server.ended_count, 0);
  cr_assert_eq(server.why, FOAL_RESET);
  cr_assert_str_neq(server.reason, "");
}

Test(net_close, reset_plain, .timeout = 20)
{
  reset_end(-1);
}
Test(net_close, reset_tls, .timeout = 20)
{
  reset_end(0);
}

/* ---- we end first ---- */

enum { REPLY_BYTES = 300000 };

HOOK reply_and_close(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  for (int i = 0; i < 3; i++) {
    foal_buf *b;
    kit_pattern(&b, self->sent, REPLY_BYTES / 3);
    self->sent += REPLY_BYTES / 3;
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
  foal_conn_close(self->conn);
}

/* The peer keeps sending while it is being closed: its reply must not be lost in a
 * reset.
 * */
static void read_reply_with_input_left(uint16_t port)
{
  static peer p;
  static uint8_t all[REPLY_BYTES], junk[20000];
  size_t rest;
  begin(&p, port);
  peer_say(&p, "x", 1);
  peer_say(&p, junk, sizeof junk);
  peer_send(&p, 0);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

static void close_first(int version)
{
  server.received = reply_and_close;
  serve(version, read_reply_with_input_left, NULL);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_close, we_first_plain, .timeout = 20)
{
  close_first(-1);
}
Test(net_close, we_first_tls, .timeout = 20)
{
  close_first(0);
}

/* More than the system takes for a peer that does not read yet: the end waits behind
 * it. */
enum { PILE_BYTES = 12000000, PILE_PIECE = 1000000 };

HOOK pile_and_close(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  for (; self->sent < PILE_BYTES; self->sent += PILE_PIECE) {
    foal_buf *b;
    kit_pattern(&b, self->sent, PILE_PIECE);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void reads_late(uint16_t port)
{
  static peer p;
  static uint8_t all[PILE_BYTES];
  size_t rest;
  begin(&p, port);
  peer_say(&p, "x", 1);
  peer_send(&p, 0);
  (void)peer_wait_still();
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

static void close_behind_a_pile(int version)
{
  foal_conn_options options = {.queue_bytes_max = 2 * PILE_BYTES};
  server.received = pile_and_close;
  serve(version, reads_late, &options);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_close, late_reader_plain, .timeout = 30)
{
  close_behind_a_pile(-1);
}
Test(net_close, late_reader_tls, .timeout = 30)
{
  close_behind_a_pile(0);
}

/* The peer never answers our end: after linger_ms we go. */
static void never_ends(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "x", 1);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 0);
  peer_wait(&server.closed_count, 1);
  peer_close(&p);
}

HOOK close_now(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_close(self->conn);
}

static void linger(int version)
{
  foal_conn_options options = {.linger_ms = 60};
  server.received = close_now;
  serve(version, never_ends, &options);
  cr_assert_eq(server.why, FOAL_LOCAL);
}

Test(net_close, linger_plain, .timeout = 20)
{
  linger(-1);
}
Test(net_close, linger_tls, .timeout = 20)
{
  linger(0);
}

/* The peer floods while we linger: bounded by linger_bytes, long before the time. */
static void floods(uint16_t port)
{
  static peer p;
  static uint8_t junk[16000];
  begin(&p, port);
  peer_say(&p, "x", 1);
  peer_send(&p, 0);
  for (int i = 0; i < 1000 && server.closed_count == 0; i++) {
    peer_say(&p, junk, sizeof junk);
    peer_send(&p, 0);
  }
  peer_close(&p);
}

static void flooded(int version)
{
  foal_conn_options options = {.linger_ms = 15000, .linger_bytes = 100000};
  server.received = close_now;
  serve(version, floods, &options);
  cr_assert_eq(server.why, FOAL_LOCAL);
}

Test(net_close, flood_plain, .timeout = 14)
{
  flooded(-1);
}
Test(net_close, flood_tls, .timeout = 14)
{
  flooded(0);
}

/* ---- finish: our half only ---- */

HOOK finish_received(point *self, foal_buf **data)
{
  self->got += foal_buf_len(*data);
  if (self->step++ == 0) {
    foal_conn_write(self->conn, data);
    foal_conn_finish(self->conn);
    foal_conn_finish(self->conn);
    must(foal_conn_room(self->conn) == 0);
  } else {
    foal_conn_write(self->conn, data); /* dropped */
  }
}

HOOK nothing_ended(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN);
}

static void talks_on(uint16_t port)
{
  static peer p;
  static uint8_t more[50000];
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 0);
  must(bytes == 5);
  peer_say(&p, more, sizeof more);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  peer_close(&p);
}

static void finished(int version)
{
  server.received = finish_received;
  server.ended = nothing_ended; /* both halves are over: it closes by itself */
  serve(version, talks_on, NULL);
  cr_assert_eq(server.received_bytes, 50005);
  cr_assert_eq(server.ended_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_close, finish_plain, .timeout = 20)
{
  finished(-1);
}
Test(net_close, finish_tls13, .timeout = 20)
{
  finished(TLS1_3_VERSION);
}

/* ---- abort ---- */

HOOK abort_received(point *self, foal_buf **data)
{
  foal_conn_write(self->conn, data);
  foal_conn_abort(self->conn, FOAL_LISTENER_REFUSED);
  foal_conn_abort(self->conn, FOAL_LOCAL);
  foal_conn_close(self->conn);
}

static void is_reset(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 2);
  peer_close(&p);
}

static void aborted(int version)
{
  server.received = abort_received;
  serve(version, is_reset, NULL);
  cr_assert_eq(server.why, FOAL_LISTENER_REFUSED);
}

Test(net_close, abort_plain, .timeout = 20)
{
  aborted(-1);
}
Test(net_close, abort_tls, .timeout = 20)
{
  aborted(0);
}
