/* net_limit_test.c - time-outs, limits and errors of the system: typed, bounded,
 * survived. */
#include "net_kit.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static point_plan server, client;

static void serve(foal_ssl_ctx *ctx, const foal_conn_options *options, uint32_t last,
                  void (*fn)(uint16_t port))
{
  server.last = last;
  kit_listen(&server, ctx, options);
  kit_peer(fn, server.listener.port);
  kit_run();
}

/* ---- time-outs ---- */

static void silent(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  must(peer_read_end(&p, &bytes) == 0);
  must(bytes == 0);
  peer_close(&p);
  foal_listener_close(server.listener);
}

Test(net_limit, silent_handshake, .timeout = 20)
{
  foal_conn_options options = {.handshake_ms = 60};
  kit_start(1);
  serve(kit_server_ctx, &options, 1, silent);
  cr_assert_eq(server.opened_count + server.closed_count, 0,
               "it never got a protocol state");
}

static void slow_handshake(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_say(&p, "\x16\x03\x01\x02\x00\x01", 6);
  peer_send(&p, 1);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(net_limit, slow_handshake, .timeout = 20)
{
  foal_conn_options options = {.handshake_ms = 60};
  kit_start(1);
  serve(kit_server_ctx, &options, 1, slow_handshake);
  cr_assert_eq(server.opened_count, 0);
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(server.why, FOAL_TIMEOUT_HANDSHAKE);
}

static void idle_tls(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_tls(&p, 0);
  must(peer_read_end(&p, &bytes) == 0); /* close_notify, not a cut */
  peer_close(&p);
}

static void idle_plain(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(net_limit, idle_tls, .timeout = 20)
{
  foal_conn_options options = {.idle_ms = 60};
  kit_start(1);
  serve(kit_server_ctx, &options, 1, idle_tls);
  cr_assert_eq(server.opened_count, 1);
  cr_assert_eq(server.ended_count, 0);
  cr_assert_eq(server.why, FOAL_TIMEOUT_IDLE);
}

HOOK sets_idle(point *self)
{
  foal_conn_idle(self->conn, 50);
}

Test(net_limit, idle_set_later, .timeout = 20)
{
  kit_start(1);
  server.opened = sets_idle;
  serve(NULL, NULL, 1, idle_plain);
  cr_assert_eq(server.why, FOAL_TIMEOUT_IDLE);
}

enum { DRIPS = 8, DRIP_MS = 100, IDLE_MS = 500 };

static void dripping(uint16_t port)
{
  static peer p;
  char echo;
  peer_open(&p, port);
  for (int i = 0; i < DRIPS; i++) {
    peer_pause(DRIP_MS); /* in all longer than IDLE_MS */
    peer_say(&p, "x", 1);
    peer_send(&p, 0);
    must(peer_read(&p, &echo, 1) == 1);
  }
  peer_close(&p);
}

Test(net_limit, idle_not_while_busy, .timeout = 20)
{
  foal_conn_options options = {.idle_ms = IDLE_MS};
  kit_start(1);
  serve(NULL, &options, 1, dripping);
  cr_assert_eq(server.received_bytes, DRIPS);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

HOOK endless(point *self, size_t room)
{
  (void)room;
  kit_stream(self, UINT64_MAX);
}

HOOK endless_opened(point *self)
{
  endless(self, 1);
}

static void never_reads(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_wait(&server.closed_count, 1);
  must(peer_read_end(&p, &bytes) == 2);
  peer_close(&p);
}

Test(net_limit, write_stall, .timeout = 20)
{
  foal_conn_options options = {.write_ms = 100};
  kit_start(1);
  server.opened = endless_opened;
  server.sendable = endless;
  serve(NULL, &options, 1, never_reads);
  cr_assert_eq(server.why, FOAL_TIMEOUT_WRITE);
}

/* ---- connecting ---- */

static foal_err connect_to(const char *host, uint16_t port, uint32_t connect_ms)
{
  point_tag tag;
  foal_connect_options o = {
      .host = host, .port = port, .conn = {.context = &client, .connect_ms = connect_ms}};
  kit_start(1);
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.closed_count, 1);
  return client.why;
}

/* A port nobody listens on: bound and not listening. */
static int bound_socket(uint16_t *port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET};
  socklen_t len = sizeof sa;
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  cr_assert_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  *port = ntohs(sa.sin_port);
  return fd;
}

Test(net_limit, connect_refused, .timeout = 20)
{
  uint16_t port;
  int fd = bound_socket(&port);
  cr_assert_eq(connect_to("127.0.0.1", port, 0), FOAL_REFUSED);
  close(fd);
}

Test(net_limit, connect_no_such_name, .timeout = 20)
{
  char name[80];
  memset(name, 'a', sizeof name);
  name[sizeof name - 1] = '\0'; /* longer than a label can be: no server is asked */
  cr_assert_eq(connect_to(name, 1, 0), FOAL_DNS_FAILED);
}

Test(net_limit, connect_times_out, .timeout = 20)
{
  /* A full backlog drops further SYNs. */
  static peer fill[8];
  uint16_t port;
  int fd = bound_socket(&port), waiting = 0;
  cr_assert_eq(listen(fd, 0), 0);
  for (; waiting < 8; waiting++) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fill[waiting].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)connect(fill[waiting].fd, (struct sockaddr *)&sa, sizeof sa);
  }
  cr_assert_eq(connect_to("127.0.0.1", port, 80), FOAL_TIMEOUT_CONNECT);
  while (waiting > 0) close(fill[--waiting].fd);
  close(fd);
}

HOOK hang_up(point *self)
{
  foal_conn_close(self->conn);
}

/* localhost may be ::1 first, where nobody listens. */
Test(net_limit, connect_second_address, .timeout = 20)
{
  point_tag tag;
  kit_start(1);
  server.last = 1;
  kit_listen(&server, NULL, NULL);
  client.opened = hang_up;
  foal_connect_options o = {
      .host = "localhost", .port = server.listener.port, .conn = {.context = &client}};
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  cr_assert_eq(client.opened_count, 1);
  cr_assert_eq(client.why, FOAL_CLEAN);
}

Test(net_limit, ends_while_connecting, .timeout = 20)
{
  uint16_t port;
  int fd = bound_socket(&port);
  kit_start(1);
  point_tag tag = kit_connect(&client, port, NULL, NULL);
  foal_actor_tell_end(tag.any, FOAL_LOCAL);
  kit_run();
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.closed_count, 1);
  close(fd);
}

Test(net_limit, nobody_agrees, .timeout = 20)
{
  /* A TLS client at a plain echo: its own hello comes back. */
  static point_plan echo;
  kit_start(1);
  echo.last = 1;
  kit_listen(&echo, NULL, NULL);
  kit_connect(&client, echo.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.why, FOAL_TLS_FAILED);
}

/* ---- listening ---- */

Test(net_limit, listen_errors, .timeout = 20)
{
  foal_listener listener;
  foal_log_threshold(FOAL_LOG_ERROR);
  kit_start(1);
  server.last = 1;
  kit_listen(&server, NULL, NULL);
  foal_listen_options taken = {.host = "127.0.0.1", .port = server.listener.port};
  cr_assert_eq(kit_try_listen(&taken, &listener), FOAL_ADDRESS_IN_USE);
  foal_listen_options foreign = {.host = "192.0.2.1"};
  cr_assert_eq(kit_try_listen(&foreign, &listener), FOAL_ADDRESS_UNAVAILABLE);
  foal_listen_options unknown = {.host = "no host at all"};
  cr_assert_eq(kit_try_listen(&unknown, &listener), FOAL_DNS_FAILED);
  foal_ssl_ctx *empty = foal_ssl_ctx_new();
  foal_listen_options bare = {.ctx = empty};
  cr_assert_eq(kit_try_listen(&bare, &listener), FOAL_BAD_STATE);
  foal_ssl_ctx_drop(&empty);
  foal_listener_close(server.listener);
  foal_listener_close(server.listener);
  kit_run();
}

enum { CROWD = 12, AT_ONCE = 3 };
static int64_t open_most;

/* Connections, not actors: `closed` of one that is gone may be handled after `opened` of
 * the next, since actors that are new run first. */
HOOK crowd_opened(point *self)
{
  foal_counters c;
  (void)self;
  foal_counters_read(&c);
  if (c.accepted - c.closed > open_most) open_most = c.accepted - c.closed;
}

HOOK crowd_closed(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN);
}

static void one_of_many(uint16_t port)
{
  peer *p = malloc(sizeof *p);
  char echo[3];
  peer_open(p, port);
  peer_say(p, "abc", 3);
  peer_send(p, 0);
  must(peer_read(p, echo, 3) == 3);
  peer_close(p);
  free(p);
}

Test(net_limit, connections_max, .timeout = 30)
{
  kit_start(1);
  kit_connections_max = AT_ONCE;
  server.opened = crowd_opened;
  server.closed = crowd_closed;
  server.last = CROWD;
  kit_listen(&server, NULL, NULL);
  for (int i = 0; i < CROWD; i++) kit_peer(one_of_many, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, CROWD);
  cr_assert_leq(open_most, AT_ONCE);
  cr_assert_gt(open_most, 0);
}

/* ---- no descriptors left ---- */

static peer starving[CROWD];
static atomic_uint warnings;

static void note_line(foal_log_level level, const char *line)
{
  if (level == FOAL_LOG_WARNING && strstr(line, "limit of open files") != NULL)
    warnings++;
}

static void starved(uint16_t port)
{
  char echo[3];
  (void)port;
  peer_pause(350); /* some retries pass; a loop that spins shows in the count of polls */
  foal_counters c;
  foal_counters_read(&c);
  must(c.polls < 200);
  must(c.accepted < CROWD);
  for (int i = 0; i < CROWD; i++) {
    must(peer_read(&starving[i], echo, 3) == 3);
    peer_close(&starving[i]);
  }
}

Test(net_limit, no_descriptors, .timeout = 30)
{
  struct rlimit old, limit;
  foal_log_sink(note_line);
  kit_start(1);
  kit_connections_max = 1000;
  server.last = CROWD;
  kit_listen(&server, NULL, NULL);
  for (int i = 0; i < CROWD; i++) {
    peer_open(&starving[i], server.listener.port);
    peer_say(&starving[i], "abc", 3);
    peer_send(&starving[i], 0);
  }
  int next = dup(0);
  close(next);
  getrlimit(RLIMIT_NOFILE, &old);
  limit = old;
  limit.rlim_cur = (rlim_t)next + AT_ONCE;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  kit_peer(starved, server.listener.port);
  kit_run();
  setrlimit(RLIMIT_NOFILE, &old);
  cr_assert_eq(server.closed_count, CROWD);
  cr_assert_eq(warnings, 1);
}

/* ---- the program ends ---- */

static void drains(uint16_t port)
{
  static peer speaking, silent_one, refused;
  size_t bytes;
  peer_open(&silent_one, port);
  peer_open(&speaking, port);
  peer_tls(&speaking, 0);
  peer_wait(&server.opened_count, 1);
  foal_drain();
  must(peer_read_end(&speaking, &bytes) == 0);
  must(peer_read_end(&silent_one, &bytes) == 0);
  peer_close(&speaking);
  peer_close(&silent_one);
  memset(&refused, 0, sizeof refused);
}

Test(net_limit, drain, .timeout = 20)
{
  kit_start(2);
  serve(kit_server_ctx, NULL, 0, drains);
  cr_assert_eq(server.stopping_count, 1);
  cr_assert_eq(server.ended_count, 0);
  cr_assert_eq(server.closed_count, 1);
  cr_assert(server.why == FOAL_CLEAN || server.why == FOAL_LOCAL);
}

static void stops(uint16_t port)
{
  static peer a, b;
  size_t bytes;
  peer_open(&b, port); /* first in the backlog: accepted before a can be open */
  peer_open(&a, port);
  peer_tls(&a, 0);
  peer_wait(&server.opened_count, 1);
  foal_stop(0);
  must(peer_read_end(&a, &bytes) != 0);
  must(peer_read_end(&b, &bytes) == 0);
  peer_close(&a);
  peer_close(&b);
}

Test(net_limit, stop_with_open_connections, .timeout = 20)
{
  kit_start(2);
  serve(kit_server_ctx, NULL, 0, stops);
  cr_assert_eq(server.closed_count, 1);
}
