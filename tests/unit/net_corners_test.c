/* net_corners_test.c - connections and listeners at odd moments: messages that are on
 * their way when the program stops, peers that are slow but not too slow, contexts that
 * cannot be used. */
#include "net_kit.h"

#include "runtime/actor.h"
#include "runtime/log.h"
#include "ssl/info.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static point_plan server, client;
static char said[400]; /* the last line of the log */

static void keep(foal_log_level level, const char *line)
{
  (void)level;
  snprintf(said, sizeof said, "%s", line);
}

HOOK no_more(point *self, foal_err why)
{
  (void)self, (void)why;
  foal_listener_close(server.listener);
}

TestSuite(net_corners, .timeout = 30);

/* ---- the program stops ---- */

/* Everything is asked for in the turn that stops the program. */
typedef struct hasty {
  int unused;
} hasty;
FOAL_TAG(hasty)
FOAL_ACTOR(hasty)
FOAL_BEHAVIOUR1(hasty, go, bool, tls)

static void hasty_on_go(hasty *self, bool tls)
{
  (void)self;
  kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
  kit_connect(&client, server.listener.port, tls ? kit_client_ctx : NULL, NULL);
  if (tls) must(foal_listener_reload(server.listener, kit_server_ctx) == FOAL_OK);
  foal_listener_close(server.listener);
  foal_stop(0);
}

static void stop_at_once(bool tls)
{
  hasty_tag tag;
  kit_start(1);
  cr_assert(hasty_spawn(&tag));
  hasty_go(tag, tls);
  kit_run();
  cr_assert_eq(server.closed_count, 0);
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.closed_count, 1);
  cr_assert_eq(client.why, FOAL_STOPPED);
}

Test(net_corners, stop_before_anything_begins_plain)
{
  stop_at_once(false);
}

Test(net_corners, stop_before_anything_begins_tls)
{
  stop_at_once(true);
}

/* The listener says that it is full in the turn in which it hands a connection out. */
static void stop_when_full(foal_log_level level, const char *line)
{
  keep(level, line);
  if (strstr(line, "the most allowed") != NULL) foal_stop(0);
}

static void arrives(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

Test(net_corners, stop_with_a_connection_on_its_way_to_its_worker)
{
  kit_start(1);
  foal_log_sink(stop_when_full);
  kit_connections_max = 1;
  kit_listen(&server, NULL, NULL);
  kit_peer(arrives, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, 0);
  cr_assert_not_null(strstr(said, "1 connections are open"), "%s", said);
}

/* ---- the program ends gracefully ---- */

HOOK drain_now(point *self)
{
  (void)self;
  foal_drain();
}

HOOK end_at_once(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_STOPPED);
  foal_actor_end(FOAL_ENDED);
}

/* An actor that ends instead of closing has been stopped, not left by its peer. */
Test(net_corners, an_actor_may_end_when_the_program_does)
{
  kit_start(1);
  kit_listen(&server, NULL, NULL);
  client.opened = drain_now;
  client.ended = end_at_once;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(client.stopping_count, 1);
  cr_assert_eq(client.closed_count, 1);
  cr_assert_eq(client.why, FOAL_STOPPED);
}

HOOK drain_twice(point *self)
{
  foal_drain();
  foal_drain();
  foal_conn_finish(self->conn);
}

Test(net_corners, a_finished_connection_hears_of_the_end_once)
{
  kit_start(1);
  kit_listen(&server, NULL, NULL);
  client.opened = drain_twice;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_leq(client.stopping_count, 1);
  cr_assert_eq(client.closed_count, 1);
}

/* ---- sessions ---- */

static bool had_session, was_same;
static int version;

HOOK look_at_session(point *self)
{
  foal_ssl *ssl = foal_conn_ssl(self->conn);
  had_session = ssl != NULL;
  if (ssl != NULL) version = foal_ssl_version(ssl);
  was_same = ssl == foal_conn_ssl(self->conn);
  foal_conn_close(self->conn);
}

Test(net_corners, a_session_can_be_looked_at)
{
  kit_start(1);
  kit_listen(&server, kit_server_ctx, NULL);
  client.opened = look_at_session;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert(had_session && was_same);
  cr_assert_eq(version, FOAL_TLS_1_3);
}

Test(net_corners, a_plain_connection_has_no_session)
{
  had_session = true;
  kit_start(1);
  kit_listen(&server, NULL, NULL);
  client.opened = look_at_session;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_not(had_session);
}

/* ---- contexts that cannot serve ---- */

HOOK reload_without_certificate(point *self)
{
  foal_ssl_ctx *empty = foal_ssl_ctx_new();
  must(empty != NULL);
  must(foal_listener_reload(server.listener, empty) == FOAL_BAD_STATE);
  foal_ssl_ctx_drop(&empty);
  foal_conn_close(self->conn);
}

Test(net_corners, a_context_without_a_certificate_replaces_nothing)
{
  kit_start(1);
  foal_log_sink(keep);
  kit_listen(&server, kit_server_ctx, NULL);
  client.opened = reload_without_certificate;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_not_null(strstr(said, "no certificate"), "%s", said);
}

HOOK reload_plain(point *self)
{
  must(foal_listener_reload(server.listener, kit_server_ctx) == FOAL_OK);
  foal_conn_close(self->conn);
}

Test(net_corners, a_plain_listener_stays_plain)
{
  kit_start(1);
  foal_log_sink(keep);
  kit_listen(&server, NULL, NULL);
  client.opened = reload_plain;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_not_null(strstr(said, "no context to replace"), "%s", said);
}

/* ---- counts ---- */

enum { COUNTED = 300000 };

static foal_conn_counts at_first, in_between, at_last;

HOOK count_first(point *self)
{
  foal_buf *b;
  at_first = foal_conn_bytes(self->conn);
  kit_pattern(&b, 0, COUNTED);
  foal_conn_write(self->conn, &b);
  in_between = foal_conn_bytes(self->conn);
}

HOOK count_received(point *self, foal_buf **data)
{
  self->got += foal_buf_len(*data);
  must(foal_conn_bytes(self->conn).received == self->got);
  foal_buf_drop(data);
  if (self->got == COUNTED) foal_conn_close(self->conn);
}

HOOK count_last(point *self, foal_err why)
{
  (void)why;
  at_last = foal_conn_bytes(self->conn);
  foal_listener_close(server.listener);
}

static void counted(bool tls)
{
  kit_start(1);
  kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
  client.opened = count_first;
  client.received = count_received;
  client.closed = count_last;
  kit_connect(&client, server.listener.port, tls ? kit_client_ctx : NULL, NULL);
  kit_run();
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(at_first.received, 0);
  cr_assert_eq(at_first.accepted, 0);
  cr_assert_eq(in_between.accepted, COUNTED);
  cr_assert(in_between.waiting >= COUNTED); /* the last flight of the handshake, too */
  cr_assert(in_between.waiting < COUNTED + (tls ? 1000 : 1));
  cr_assert_eq(at_last.received, COUNTED);
  cr_assert_eq(at_last.accepted, COUNTED);
  cr_assert_eq(at_last.waiting, 0);
}

Test(net_corners, bytes_are_counted_plain)
{
  counted(false);
}

Test(net_corners, bytes_are_counted_tls)
{
  counted(true);
}

/* ---- slow peers ---- */

/* More than the system buffers, to a peer whose own buffer is small: the write in flight
 * lasts while the peer sips. */
enum { STREAM = 12 << 20, SIP = 8 << 10, SIPS = 60, SIP_MS = 20, WRITE_MS = 300 };

HOOK stream(point *self)
{
  kit_stream(self, STREAM);
}

HOOK stream_on(point *self, size_t room)
{
  (void)room;
  kit_stream(self, STREAM);
  if (self->sent == STREAM) foal_conn_close(self->conn);
}

static void sips(uint16_t port)
{
  static uint8_t sip[SIP];
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  int small = 2 * SIP, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  size_t got = 0;
  ssize_t n;
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  must(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
  for (int i = 0; i < SIPS; i++) {
    peer_pause(SIP_MS);
    n = recv(fd, sip, sizeof sip, 0);
    must(n > 0);
    got += (size_t)n;
  }
  while ((n = recv(fd, sip, sizeof sip, 0)) > 0) got += (size_t)n;
  must(n == 0);
  must(got == STREAM);
  close(fd);
}

/* As long as something moves, a write is not late, however long the whole takes. */
Test(net_corners, a_slow_reader_is_no_stall)
{
  foal_conn_options options = {.write_ms = WRITE_MS};
  kit_start(1);
  server.opened = stream;
  server.sendable = stream_on;
  server.last = 1;
  kit_listen(&server, NULL, &options);
  kit_peer(sips, server.listener.port);
  kit_run();
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- writing ---- */

HOOK write_after_the_end(point *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, 10);
  foal_conn_write(self->conn, &b);
  foal_conn_finish(self->conn);
  kit_pattern(&b, 10, 10);
  foal_conn_write(self->conn, &b);
  must(foal_conn_room(self->conn) == 0);
  must(foal_buf_new(&b, 10));
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
  foal_conn_close(self->conn);
  foal_conn_abort(self->conn, FOAL_LOCAL);
  foal_conn_abort(self->conn, FOAL_LIMIT);
  foal_conn_idle(self->conn, 1);
  foal_conn_expect(self->conn, 5);
}

Test(net_corners, an_ended_connection_takes_everything_and_does_nothing)
{
  kit_start(1);
  kit_listen(&server, NULL, NULL);
  client.opened = write_after_the_end;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(client.why, FOAL_LOCAL, "the first reason counts");
  cr_assert_eq(server.received_bytes, 0);
}

HOOK write_nothing(point *self)
{
  foal_buf *b;
  must(foal_buf_new(&b, 10));
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

Test(net_corners, an_empty_write_is_nothing)
{
  kit_start(1);
  kit_listen(&server, NULL, NULL);
  client.opened = write_nothing;
  client.closed = no_more;
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.received_bytes, 0);
}
