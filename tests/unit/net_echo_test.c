/* net_echo_test.c - what arrives: whole streams both ways, in any segmentation, muted,
 * framed. */
#include "net_kit.h"

#define HOW_MANY 5000
static uint8_t sent[200000], back[200000];
static point_plan server, client;

static void fill_sent(void)
{
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (uint8_t)(i * 7 + (i >> 9));
}

/* ---- raw peers against the echo ---- */

static int tls_version; /* -1: plain */
static size_t piece, how_many;

static void echo_peer(uint16_t port)
{
  static peer p;
  size_t rest;
  peer_open(&p, port);
  if (tls_version >= 0) peer_tls(&p, tls_version);
  for (size_t at = 0; at < how_many;) {
    size_t n = how_many - at < 16000 ? how_many - at : 16000;
    peer_say(&p, sent + at, n);
    peer_send(&p, piece);
    must(peer_read(&p, back + at, n) == n);
    at += n;
  }
  must(memcmp(sent, back, how_many) == 0);
  if (p.ssl != NULL) {
    peer_notify(&p);
    peer_send(&p, 0);
  }
  peer_fin(&p);
  must(peer_read_end(&p, &rest) == 0);
  must(rest == 0);
  peer_close(&p);
}

static void say_all_and_end(uint16_t port)
{
  static peer p;
  size_t rest;
  peer_open(&p, port);
  if (tls_version >= 0) peer_tls(&p, tls_version);
  peer_say(&p, sent, how_many);
  if (p.ssl != NULL) peer_notify(&p);
  peer_send(&p, piece);
  peer_fin(&p);
  must(peer_read(&p, back, how_many) == how_many);
  must(memcmp(sent, back, how_many) == 0);
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

static void echo_with(int version, size_t bytes, size_t segment)
{
  fill_sent();
  tls_version = version;
  how_many = bytes;
  piece = segment;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, version >= 0 ? kit_server_ctx : NULL, NULL);
  kit_peer(echo_peer, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, 1);
  cr_assert_eq(server.ended_count, 1);
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert_eq(server.received_bytes, bytes);
  cr_assert_str_eq(server.reason, "");
  cr_assert_eq(strncmp(server.peer, "127.0.0.1:", 10), 0);
}

Test(net_echo, plain, .timeout = 30)
{
  echo_with(-1, 100000, 0);
}
Test(net_echo, plain_byte_by_byte, .timeout = 30)
{
  echo_with(-1, HOW_MANY, 1);
}
Test(net_echo, tls13, .timeout = 30)
{
  echo_with(TLS1_3_VERSION, 100000, 0);
}
Test(net_echo, tls12, .timeout = 30)
{
  echo_with(TLS1_2_VERSION, 100000, 0);
}
Test(net_echo, tls13_byte_by_byte, .timeout = 30)
{
  echo_with(TLS1_3_VERSION, HOW_MANY, 1);
}
Test(net_echo, tls12_byte_by_byte, .timeout = 30)
{
  echo_with(TLS1_2_VERSION, HOW_MANY, 1);
}
Test(net_echo, tls_small_segments, .timeout = 30)
{
  echo_with(0, 50000, 77);
}

/* ---- our client against our server ---- */

enum { STREAM_BYTES = 3000000 };

HOOK stream_opened(point *self)
{
  kit_stream(self, STREAM_BYTES);
}

HOOK stream_sendable(point *self, size_t room)
{
  (void)room;
  kit_stream(self, STREAM_BYTES);
}

HOOK stream_received(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
  if (self->got == STREAM_BYTES) foal_conn_close(self->conn);
}

static void stream_through_echo(bool tls, uint32_t workers)
{
  kit_start(workers);
  client.opened = stream_opened;
  client.sendable = stream_sendable;
  client.received = stream_received;
  server.last = 1;
  kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
  kit_connect(&client, server.listener.port, tls ? kit_client_ctx : NULL, NULL);
  kit_run();
  cr_assert_eq(client.received_bytes, STREAM_BYTES);
  cr_assert_eq(server.received_bytes, STREAM_BYTES);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert_eq(client.opened_count + client.closed_count, 2);
  cr_assert_eq(server.opened_count + server.closed_count, 2);
  cr_assert_gt(client.sendable_count, 0);
}

Test(net_echo, stream_plain, .timeout = 60)
{
  stream_through_echo(false, 1);
}
Test(net_echo, stream_tls, .timeout = 60)
{
  stream_through_echo(true, 1);
}
Test(net_echo, stream_plain_two_workers, .timeout = 60)
{
  stream_through_echo(false, 2);
}
Test(net_echo, stream_tls_two_workers, .timeout = 60)
{
  stream_through_echo(true, 2);
}

/* Both sides send and receive at the same time. */
HOOK both_done(point *self)
{
  if (self->got == STREAM_BYTES && self->sent == STREAM_BYTES && self->step == 0) {
    self->step = 1;
    foal_conn_finish(self->conn);
  }
}

HOOK both_opened(point *self)
{
  kit_stream(self, STREAM_BYTES);
  both_done(self);
}

HOOK both_sendable(point *self, size_t room)
{
  (void)room;
  both_opened(self);
}

HOOK both_received(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
  both_done(self);
}

HOOK nothing_ended(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN);
}

static void both_ways(bool tls)
{
  point_plan plan = {.opened = both_opened,
                     .sendable = both_sendable,
                     .received = both_received,
                     .ended = nothing_ended};
  kit_start(2);
  client = plan;
  server = plan;
  server.last = 1;
  kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
  kit_connect(&client, server.listener.port, tls ? kit_client_ctx : NULL, NULL);
  kit_run();
  cr_assert_eq(client.received_bytes, STREAM_BYTES);
  cr_assert_eq(server.received_bytes, STREAM_BYTES);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_echo, both_ways_plain, .timeout = 60)
{
  both_ways(false);
}
Test(net_echo, both_ways_tls, .timeout = 60)
{
  both_ways(true);
}

/* ---- expect ---- */

/* Frames: two bytes of length, then the body. */
HOOK frame_received(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  if (self->step == 0) {
    must(len == 2);
    const uint8_t *head = foal_buf_data(*data);
    self->step = (uint32_t)(head[0] << 8 | head[1]);
    foal_conn_expect(self->conn, self->step);
  } else {
    must(len == self->step);
    self->step = 0;
    self->got++;
    foal_conn_expect(self->conn, 2);
  }
  foal_conn_write(self->conn, data);
}

HOOK frame_opened(point *self)
{
  foal_conn_expect(self->conn, 2);
}

static void framed(int version, size_t segment)
{
  size_t at = 0;
  fill_sent();
  for (size_t len = 1; at + 2 + len <= 60000; len = len * 3 / 2 + 1) {
    sent[at++] = (uint8_t)(len >> 8);
    sent[at++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++) sent[at++] = (uint8_t)(i + len);
  }
  server.opened = frame_opened;
  server.received = frame_received;
  tls_version = version;
  how_many = at;
  piece = segment;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, version >= 0 ? kit_server_ctx : NULL, NULL);
  kit_peer(say_all_and_end, server.listener.port);
  kit_run();
  cr_assert_eq(server.received_bytes, at);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_echo, expect_plain, .timeout = 30)
{
  framed(-1, 0);
}
Test(net_echo, expect_plain_pieces, .timeout = 30)
{
  framed(-1, 3);
}
Test(net_echo, expect_tls, .timeout = 30)
{
  framed(0, 0);
}
Test(net_echo, expect_tls_pieces, .timeout = 30)
{
  framed(TLS1_2_VERSION, 13);
}

/* ---- mute ---- */

/* One byte at a time, muted after each one until a poke comes round: nothing may be
 * delivered in between, nothing lost. */
HOOK mute_received(point *self, foal_buf **data)
{
  must(self->step == 0);
  must(foal_buf_len(*data) == 1);
  self->step = 1;
  foal_conn_mute(self->conn);
  foal_conn_write(self->conn, data);
  point_poke(point_me(self), 3);
}

HOOK mute_poked(point *self, uint32_t what)
{
  must(self->step == 1);
  if (what > 0) {
    point_poke(point_me(self), what - 1);
    return;
  }
  self->step = 0;
  foal_conn_unmute(self->conn);
}

HOOK mute_opened(point *self)
{
  foal_conn_expect(self->conn, 1);
}

static void muted(int version)
{
  server.opened = mute_opened;
  server.received = mute_received;
  point_poked = mute_poked;
  echo_with(version, 700, 0);
}

Test(net_echo, mute_plain, .timeout = 30)
{
  muted(-1);
}
Test(net_echo, mute_tls, .timeout = 30)
{
  muted(0);
}

/* More single bytes than a turn delivers, and the end of the stream right behind them:
 * it waits its turn. */
HOOK expect_one(point *self)
{
  foal_conn_expect(self->conn, 1);
}

static void single_bytes(int version)
{
  fill_sent();
  server.opened = expect_one;
  tls_version = version;
  how_many = 9000;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, version >= 0 ? kit_server_ctx : NULL, NULL);
  kit_peer(say_all_and_end, server.listener.port);
  kit_run();
  cr_assert_eq(server.received_bytes, how_many);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_echo, single_bytes_plain, .timeout = 30)
{
  single_bytes(-1);
}
Test(net_echo, single_bytes_tls, .timeout = 30)
{
  single_bytes(0);
}

/* Muted from the start, with everything and the end of the stream in the socket
 * already.
 * */
HOOK late_opened(point *self)
{
  foal_conn_mute(self->conn);
  point_poke(point_me(self), 50);
}

HOOK late_poked(point *self, uint32_t what)
{
  must(self->plan->received_bytes == 0);
  must(self->plan->ended_count == 0);
  if (what > 0) {
    point_poke(point_me(self), what - 1);
  } else {
    foal_conn_unmute(self->conn);
  }
}

static void muted_end(int version)
{
  fill_sent();
  server.opened = late_opened;
  point_poked = late_poked;
  tls_version = version;
  how_many = 9000;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, version >= 0 ? kit_server_ctx : NULL, NULL);
  kit_peer(say_all_and_end, server.listener.port);
  kit_run();
  cr_assert_eq(server.received_bytes, how_many);
  cr_assert_eq(server.ended_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_echo, muted_end_plain, .timeout = 30)
{
  muted_end(-1);
}
Test(net_echo, muted_end_tls, .timeout = 30)
{
  muted_end(0);
}
