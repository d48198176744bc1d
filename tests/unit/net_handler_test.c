/* net_handler_test.c - ends that begin in handlers, and peers that do not speak TLS. */
#include "net_kit.h"

static point_plan server, client;
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

/* ---- close and abort in every handler ---- */

enum { IN_OPENED = 1, IN_RECEIVED, IN_SENDABLE, IN_ENDED, IN_CLOSED, PLACES };
static int where;
static bool with_abort;

static void end_if(point *self, int here) FOAL_TURN;
static void end_if(point *self, int here)
{
  if (here != where) return;
  if (with_abort) {
    foal_conn_abort(self->conn, FOAL_LOCAL);
  } else {
    foal_conn_close(self->conn);
  }
}

HOOK every_opened(point *self)
{
  end_if(self, IN_OPENED);
}

HOOK every_received(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  kit_stream(self, 200000);
  end_if(self, IN_RECEIVED);
}

HOOK every_sendable(point *self, size_t room)
{
  (void)room;
  kit_stream(self, 200000);
  end_if(self, IN_SENDABLE);
}

HOOK every_ended(point *self, foal_err why)
{
  (void)why;
  end_if(self, IN_ENDED);
  if (where != IN_ENDED) foal_conn_close(self->conn);
}

HOOK every_closed(point *self, foal_err why)
{
  foal_buf *b;
  (void)why;
  end_if(self, IN_CLOSED);
  kit_pattern(&b, 0, 10);
  foal_conn_write(self->conn, &b);
  foal_conn_finish(self->conn);
  foal_conn_mute(self->conn);
  foal_conn_unmute(self->conn);
  foal_conn_expect(self->conn, 4);
  foal_conn_idle(self->conn, 5);
  (void)!foal_conn_key_update(self->conn);
}

static void goes_through_all(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  if (!plain()) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

static void in_every_handler(int version, bool abort_)
{
  with_abort = abort_;
  for (where = IN_OPENED; where < PLACES; where++) {
    server = (point_plan){.opened = every_opened,
                          .received = every_received,
                          .sendable = every_sendable,
                          .ended = every_ended,
                          .closed = every_closed};
    serve(version, goes_through_all, NULL);
    cr_assert_eq(server.opened_count, 1);
  }
}

Test(net_close, everywhere_plain, .timeout = 30)
{
  in_every_handler(-1, false);
}
Test(net_close, everywhere_tls, .timeout = 30)
{
  in_every_handler(0, false);
}
Test(net_close, abort_everywhere_plain, .timeout = 30)
{
  in_every_handler(-1, true);
}
Test(net_close, abort_everywhere_tls, .timeout = 30)
{
  in_every_handler(0, true);
}

/* ---- an actor that ends without closing ---- */

HOOK ends_itself(point *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
  foal_actor_end(FOAL_ENDED);
}

static void sees_the_end(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == plain() ? 0 : 1);
  peer_close(&p);
}

static void actor_ends(int version)
{
  server.received = ends_itself;
  serve(version, sees_the_end, NULL);
  cr_assert_eq(server.why, FOAL_LOCAL);
}

Test(net_close, actor_ends_plain, .timeout = 20)
{
  actor_ends(-1);
}
Test(net_close, actor_ends_tls, .timeout = 20)
{
  actor_ends(0);
}

/* ---- not TLS at all ---- */

static void speaks_http(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_say(&p, "GET / HTTP/1.0\r\n\r\n", 18);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(net_close, http_to_tls, .timeout = 20)
{
  serve(0, speaks_http, NULL);
  cr_assert_eq(server.opened_count, 0);
  cr_assert_eq(server.why, FOAL_TLS_FAILED);
}

static void speaks_nonsense(uint16_t port)
{
  static peer p;
  uint8_t junk[3000];
  size_t bytes;
  uint32_t x = 2463534242u;
  for (size_t i = 0; i < sizeof junk; i++) {
    x = x * 1664525u + 1013904223u;
    junk[i] = (uint8_t)(x >> 24);
  }
  peer_open(&p, port);
  peer_say(&p, junk, sizeof junk);
  peer_send(&p, 100);
  peer_fin(&p);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

Test(net_close, nonsense_to_tls, .timeout = 20)
{
  serve(0, speaks_nonsense, NULL);
  cr_assert_eq(server.opened_count, 0);
  cr_assert_eq(server.why, FOAL_TLS_FAILED);
}

/* A record that was tampered with: what came before it is delivered, an alert answers. */
static void tampers(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_say(&p, "hello", 5);
  peer_say(&p, "world", 5);
  p.cipher[p.cipher_len - 1] ^= 1;
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 1); /* ended by the alert, not by close_notify */
  peer_close(&p);
}

HOOK only_count(point *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

Test(net_close, tampered, .timeout = 20)
{
  server.received = only_count;
  serve(0, tampers, NULL);
  cr_assert_eq(server.received_bytes, 5);
  cr_assert_eq(server.why, FOAL_TLS_FAILED);
  cr_assert_str_neq(server.reason, "");
}

/* ---- our client judges the server ---- */

Test(net_close, untrusted_server, .timeout = 20)
{
  kit_start(1);
  server.last = 1;
  kit_listen(&server, kit_server_ctx, NULL);
  foal_ssl_ctx *strict = foal_ssl_ctx_new();
  kit_connect(&client, server.listener.port, strict, NULL);
  foal_ssl_ctx_drop(&strict);
  kit_run();
  cr_assert_eq(client.opened_count + server.opened_count, 0);
  cr_assert_eq(client.why, FOAL_AUTH_FAILED);
  cr_assert_eq(server.why, FOAL_TLS_ALERT);
}

/* ---- what leaves is activity, too ---- */

enum { DRIPS = 8, DRIP_MS = 100, IDLE_MS = 500 }; /* in all longer than IDLE_MS */
static point_tag dripper;

HOOK drips_later(point *self)
{
  dripper = point_me(self);
}

HOOK drip_poked(point *self, uint32_t what)
{
  foal_buf *b;
  (void)what;
  kit_pattern(&b, self->sent++, 1);
  foal_conn_write(self->conn, &b);
}

static void only_reads(uint16_t port)
{
  static peer p;
  char drop;
  peer_open(&p, port);
  peer_wait(&server.opened_count, 1);
  for (int i = 0; i < DRIPS; i++) {
    peer_pause(DRIP_MS);
    point_poke(dripper, 0);
    must(peer_read(&p, &drop, 1) == 1);
  }
  peer_close(&p);
}

Test(net_handler, idle_not_while_sending, .timeout = 20)
{
  foal_conn_options options = {.idle_ms = IDLE_MS};
  server.opened = drips_later;
  point_poked = drip_poked;
  serve(-1, only_reads, &options);
  cr_assert_eq(server.received_bytes, 0);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- IPv6 ---- */

HOOK leaves(point *self)
{
  foal_conn_close(self->conn);
}

Test(net_handler, over_ipv6, .timeout = 20)
{
  point_tag tag;
  kit_start(1);
  server.last = 1;
  client.opened = leaves;
  foal_listen_options here = {.host = "::1", .conn = {.context = &server}};
  bool listens = kit_try_listen(&here, &server.listener) == FOAL_OK;
  if (listens) {
    foal_connect_options to = {
        .host = "::1", .port = server.listener.port, .conn = {.context = &client}};
    cr_assert(kit_try_connect(&to, &tag));
  }
  kit_run();
  if (!listens) cr_skip_test("this machine has no IPv6");
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert_eq(strncmp(server.peer, "[::1]:", 6), 0);
}
