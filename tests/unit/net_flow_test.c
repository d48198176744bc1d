/* net_flow_test.c - backpressure: what waits is bounded in both directions, whoever is
 * slow. */
#include "net_kit.h"

enum {
  STREAM_BYTES = 12000000,
  ROOM = 32768,
  CIPHER = 65536,
  CHUNK = 20000,         /* kit_stream writes at most this at once */
  INPUT = 131072 + 65536 /* the window, and what a session or queue may hold of it */
};
static point_plan server;
static int tls_version; /* -1: plain */
static bool plain(void)
{
  return tls_version < 0;
}
static atomic_ullong written; /* plaintext the server's protocol has given away */

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

HOOK stream_more(point *self, size_t room)
{
  (void)room;
  kit_stream(self, STREAM_BYTES);
  written = self->sent;
  if (self->sent == STREAM_BYTES) foal_conn_close(self->conn);
}

HOOK stream_opened(point *self)
{
  stream_more(self, 1);
}

static uint8_t all[STREAM_BYTES];

/* ---- the peer does not read ---- */

static void reads_late(uint16_t port)
{
  static peer p;
  size_t rest;
  begin(&p, port);
  peer_wait(&server.opened_count, 1);
  foal_counters c = peer_wait_still();
  /* What left the protocol and is not in the system waits in the library. */
  must((int64_t)written - c.bytes_out <= ROOM + CIPHER + CHUNK);
  must(c.bufs_live <= 16);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

static void stalled_reader(int version)
{
  server.opened = stream_opened;
  server.sendable = stream_more;
  serve(version, reads_late, NULL);
  cr_assert(server.why == FOAL_CLEAN || server.why == FOAL_LOCAL);
}

Test(net_flow, stalled_reader_plain, .timeout = 60)
{
  stalled_reader(-1);
}
Test(net_flow, stalled_reader_tls, .timeout = 60)
{
  stalled_reader(0);
}

/* ---- the peer writes without reading, against an echo ---- */

enum { FLOOD_BYTES = 8000000, PIECE = 50000 };
static atomic_ullong flooded;
static atomic_uint flooding;
static peer flood_peer;

static void flood(uint16_t port)
{
  (void)port;
  for (size_t at = 0; at < FLOOD_BYTES; at += PIECE) {
    foal_buf *b;
    kit_pattern(&b, at, PIECE);
    peer_say(&flood_peer, foal_buf_data(b), PIECE);
    foal_buf_drop(&b);
    peer_send(&flood_peer, 0);
    flooded += PIECE;
  }
  peer_fin(&flood_peer);
}

static void flood_then_read(uint16_t port)
{
  peer_open(&flood_peer, port);
  atomic_store(&flooding, 1);
  peer_wait(&server.opened_count, 1);
  foal_counters c = peer_wait_still();
  must(c.bytes_in - c.bytes_out <= ROOM + CIPHER + INPUT);
  must(c.bufs_live <= 24);
  must(peer_read(&flood_peer, all, FLOOD_BYTES) == FLOOD_BYTES);
  must(kit_is_pattern(all, 0, FLOOD_BYTES));
}

static void flood_when_open(uint16_t port)
{
  peer_wait(&flooding, 1);
  flood(port);
}

/* Only plain: one OpenSSL session must not be used by two threads. */
Test(net_flow, echo_under_flood, .timeout = 60)
{
  tls_version = -1;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, NULL, NULL);
  kit_peer(flood_then_read, server.listener.port);
  kit_peer(flood_when_open, server.listener.port);
  kit_run();
  peer_close(&flood_peer);
  cr_assert_eq(server.received_bytes, FLOOD_BYTES);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- the protocol does not take ---- */

HOOK count_only(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
}

HOOK muted_opened(point *self)
{
  foal_conn_mute(self->conn);
}

static point_tag muted_one;
HOOK muted_tag_opened(point *self)
{
  muted_one = point_me(self);
  muted_opened(self);
}

HOOK unmute_poked(point *self, uint32_t what)
{
  (void)what;
  foal_conn_unmute(self->conn);
}

static atomic_uint may_unmute;

static void floods_muted(uint16_t port)
{
  begin(&flood_peer, port);
  atomic_store(&may_unmute, 1);
  flood(port);
  size_t bytes;
  (void)peer_read_end(&flood_peer, &bytes);
}

static void unmutes(uint16_t port)
{
  (void)port;
  peer_wait(&server.opened_count, 1);
  peer_wait(&may_unmute, 1);
  foal_counters c = peer_wait_still();
  must(flooded < FLOOD_BYTES);
  must(c.bytes_in <= INPUT);
  must(server.received_bytes == 0);
  point_poke(muted_one, 0);
}

static void muted(int version)
{
  server.opened = muted_tag_opened;
  server.received = count_only;
  point_poked = unmute_poked;
  tls_version = version;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, plain() ? NULL : kit_server_ctx, NULL);
  kit_peer(floods_muted, server.listener.port);
  kit_peer(unmutes, server.listener.port);
  kit_run();
  peer_close(&flood_peer);
  cr_assert_eq(server.received_bytes, FLOOD_BYTES);
}

Test(net_flow, muted_plain, .timeout = 60)
{
  muted(-1);
}
Test(net_flow, muted_tls, .timeout = 60)
{
  muted(0);
}

/* ---- a protocol that does not heed ---- */

HOOK heedless(point *self)
{
  for (int i = 0; i < 200; i++) {
    foal_buf *b;
    kit_pattern(&b, 0, 100000);
    foal_conn_write(self->conn, &b);
  }
  must(foal_conn_room(self->conn) == 0);
}

static void never_reads(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_wait(&server.closed_count, 1);
  must(peer_read_end(&p, &bytes) == 2);
  peer_close(&p);
}

static void heeds_nothing(int version)
{
  server.opened = heedless;
  serve(version, never_reads, NULL);
  cr_assert_eq(server.why, FOAL_LIMIT);
  cr_assert_eq(server.sendable_count, 0);
}

Test(net_flow, heedless_plain, .timeout = 20)
{
  heeds_nothing(-1);
}
Test(net_flow, heedless_tls, .timeout = 20)
{
  heeds_nothing(0);
}

/* ---- few, large writes ---- */

static void reads_fast(uint16_t port)
{
  static peer p;
  size_t rest;
  begin(&p, port);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  foal_counters c;
  foal_counters_read(&c);
  /* Every 64 KiB is written once, or twice when the system's buffer is full in the
   * middle. */
  must(c.writes <= 2 * 16 * (STREAM_BYTES / 1000000) + 20);
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

static void few_writes(int version)
{
  server.opened = stream_opened;
  server.sendable = stream_more;
  serve(version, reads_fast, NULL);
  /* One answer per write in the steady state: never asked for crumbs. */
  cr_assert_leq(server.sendable_count, 4 * 16 * (STREAM_BYTES / 1000000));
}

Test(net_flow, few_writes_plain, .timeout = 60)
{
  few_writes(-1);
}
Test(net_flow, few_writes_tls, .timeout = 60)
{
  few_writes(0);
}

/* Small writes of one turn leave together. */
HOOK many_small(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  for (int i = 0; i < 300; i++) {
    foal_buf *b;
    kit_pattern(&b, self->sent, 100);
    self->sent += 100;
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void reads_small(uint16_t port)
{
  static peer p;
  size_t rest;
  foal_counters before, after;
  begin(&p, port);
  peer_wait(&server.opened_count, 1);
  foal_counters_read(&before);
  peer_say(&p, "x", 1);
  peer_send(&p, 0);
  must(peer_read(&p, all, 30000) == 30000);
  must(kit_is_pattern(all, 0, 30000));
  foal_counters_read(&after);
  must(after.writes - before.writes <= (plain() ? 1 : 2)); /* perhaps a session ticket */
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

static void small_writes(int version)
{
  server.received = many_small;
  serve(version, reads_small, NULL);
}

Test(net_flow, small_writes_plain, .timeout = 20)
{
  small_writes(-1);
}
Test(net_flow, small_writes_tls, .timeout = 20)
{
  small_writes(TLS1_2_VERSION);
}

/* Tiny room: asked again and again, in order, to the end. */
HOOK tiny_more(point *self, size_t room)
{
  (void)room;
  kit_stream(self, 100000);
  if (self->sent == 100000) foal_conn_close(self->conn);
}

HOOK tiny_opened(point *self)
{
  tiny_more(self, 1);
}

static void reads_tiny(uint16_t port)
{
  static peer p;
  size_t rest;
  begin(&p, port);
  must(peer_read(&p, all, 100000) == 100000);
  must(kit_is_pattern(all, 0, 100000));
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

static void tiny_room(int version)
{
  foal_conn_options options = {.room_bytes = 7};
  server.opened = tiny_opened;
  server.sendable = tiny_more;
  serve(version, reads_tiny, &options);
}

Test(net_flow, tiny_room_plain, .timeout = 30)
{
  tiny_room(-1);
}
Test(net_flow, tiny_room_tls, .timeout = 30)
{
  tiny_room(0);
}

/* ---- key updates in the middle ---- */

HOOK keys_more(point *self, size_t room)
{
  foal_err err = foal_conn_key_update(self->conn);
  must(err == (tls_version == TLS1_3_VERSION ? FOAL_OK : FOAL_BAD_STATE));
  stream_more(self, room);
}

HOOK keys_opened(point *self)
{
  keys_more(self, 1);
}

static void key_updates(int version)
{
  server.opened = keys_opened;
  server.sendable = keys_more;
  serve(version, reads_fast, NULL);
}

Test(net_flow, key_updates_tls13, .timeout = 60)
{
  key_updates(TLS1_3_VERSION);
}
Test(net_flow, key_updates_tls12, .timeout = 60)
{
  key_updates(TLS1_2_VERSION);
}
Test(net_flow, key_updates_plain, .timeout = 60)
{
  key_updates(-1);
}

/* ---- two sides that only write at first ---- */

enum { PUSH_BYTES = 6000000 };
static point_plan client;

HOOK push_opened(point *self)
{
  /* All at once, beyond any room: both sides have more to send than the system holds. */
  while (self->sent < PUSH_BYTES) {
    foal_buf *b;
    kit_pattern(&b, self->sent, 100000);
    self->sent += 100000;
    foal_conn_write(self->conn, &b);
  }
}

HOOK push_received(point *self, foal_buf **data)
{
  count_only(self, data);
  if (self->got == PUSH_BYTES) foal_conn_finish(self->conn);
}

HOOK push_ended(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN);
}

static void push_both(bool tls)
{
  foal_conn_options options = {.queue_bytes_max = PUSH_BYTES + 1, .write_ms = 3000};
  kit_start(1);
  server =
      (point_plan){.opened = push_opened, .received = push_received, .ended = push_ended};
  client = server;
  server.last = 1;
  kit_listen(&server, tls ? kit_server_ctx : NULL, &options);
  kit_connect(&client, server.listener.port, tls ? kit_client_ctx : NULL, &options);
  kit_run();
  cr_assert_eq(server.received_bytes, PUSH_BYTES);
  cr_assert_eq(client.received_bytes, PUSH_BYTES);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert_eq(client.why, FOAL_CLEAN);
}

Test(net_flow, push_both_plain, .timeout = 60)
{
  push_both(false);
}
Test(net_flow, push_both_tls, .timeout = 60)
{
  push_both(true);
}
