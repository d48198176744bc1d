/* lori_notifier_test.c - lori's rows about its notifiers, and two numbers of the real
 * system: how many connections a listener has by default, and how much one read brings.
 *
 * A notifier is an object that a ready-made connection actor calls. The `point` of
 * net_kit.h is such an actor, its plan the notifier: any protocol that keeps a table of
 * functions in foal_conn_options.context is one, so the library has none of its own. */
#include "unit/net_kit.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(conf_lori, .timeout = 30);

static point_plan server, client;

HOOK say(point *self, const char *text)
{
  foal_buf *b;
  must(foal_buf_from(&b, text, strlen(text)));
  foal_conn_write(self->conn, &b);
}

/* ---- playing ---- */

enum { ROUNDS = 50 };

HOOK ping(point *self)
{
  foal_conn_expect(self->conn, 4);
  say(self, "ping");
}

HOOK ping_on(point *self, foal_buf **data)
{
  must(memcmp(foal_buf_data(*data), "pong", 4) == 0);
  foal_buf_drop(data);
  if (++self->step == ROUNDS) {
    foal_conn_close(self->conn);
  } else {
    say(self, "ping");
  }
}

HOOK pong(point *self, foal_buf **data)
{
  must(memcmp(foal_buf_data(*data), "ping", 4) == 0);
  foal_buf_drop(data);
  say(self, "pong");
}

static void play(foal_ssl_ctx *const *server_ctx, foal_ssl_ctx *const *client_ctx)
{
  kit_start(1);
  server = (point_plan){.received = pong, .last = 1};
  client = (point_plan){.opened = ping, .received = ping_on};
  kit_listen(&server, server_ctx != NULL ? *server_ctx : NULL, NULL);
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = server.listener.port,
                             .ctx = client_ctx != NULL ? *client_ctx : NULL,
                             .verify_name = "localhost",
                             .conn = {.context = &client}};
  point_tag tag;
  cr_assert(kit_try_connect(&to, &tag));
  kit_run();
  cr_assert_eq(client.received_bytes, 4 * ROUNDS);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(conf_lori, Notifier_PingPong)
{
  play(NULL, NULL);
}

Test(conf_lori, Notifier_SSLPingPong)
{
  play(&kit_server_ctx, &kit_client_ctx);
}

/* ---- framing ---- */

HOOK frames_of_4(point *self)
{
  foal_conn_expect(self->conn, 4);
}

HOOK check_frame(point *self, foal_buf **data)
{
  must(foal_buf_len(*data) == 4);
  must(kit_is_pattern(foal_buf_data(*data), self->got, 4));
  self->got += 4;
  self->step++;
  foal_buf_drop(data);
}

HOOK write_24(point *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, 24);
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

Test(conf_lori, Notifier_BufferUntil)
{
  kit_start(1);
  server = (point_plan){.opened = frames_of_4, .received = check_frame, .last = 1};
  client.opened = write_24;
  kit_listen(&server, NULL, NULL);
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(server.received_bytes, 24);
}

/* ---- failing, ending, rejecting ---- */

static uint16_t nobodys_port(int *fd)
{
  struct sockaddr_in sa = {.sin_family = AF_INET};
  socklen_t len = sizeof sa;
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq(bind(*fd, (struct sockaddr *)&sa, len), 0);
  cr_assert_eq(getsockname(*fd, (struct sockaddr *)&sa, &len), 0);
  return ntohs(sa.sin_port);
}

Test(conf_lori, Notifier_ConnectFailed)
{
  int fd;
  kit_start(1);
  kit_connect(&client, nobodys_port(&fd), NULL, NULL);
  kit_run();
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.closed_count, 1);
  cr_assert_eq(client.why, FOAL_REFUSED);
  close(fd);
}

HOOK end_itself(point *self)
{
  foal_actor_tell_end(point_me(self).any, FOAL_LOCAL);
}

HOOK do_nothing(point *self, foal_err why)
{
  (void)self, (void)why;
}

/* The peer sees the end and answers it never: disposing waits for nobody. */
static void sees_the_end(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  must(peer_read_end(&p, &bytes) == 0);
  peer_wait(&server.closed_count, 1);
  peer_close(&p);
}

Test(conf_lori, Notifier_Dispose)
{
  kit_start(1);
  server = (point_plan){.opened = end_itself, .ended = do_nothing, .last = 1};
  kit_listen(&server, NULL, NULL);
  kit_peer(sees_the_end, server.listener.port);
  kit_run();
  cr_assert_eq(server.why, FOAL_LOCAL);
  cr_assert_eq(server.ended_count, 0);
}

HOOK reject_the_first(point *self)
{
  if (self->plan->opened_count == 0) {
    foal_conn_abort(self->conn, FOAL_LISTENER_REFUSED);
  }
}

static void comes_twice(uint16_t port)
{
  static peer p;
  char back[2];
  size_t bytes;
  peer_open(&p, port);
  must(peer_read_end(&p, &bytes) == 2);
  peer_close(&p);
  peer_wait(&server.closed_count, 1);
  must(server.why == FOAL_LISTENER_REFUSED);
  peer_open(&p, port);
  peer_say(&p, "hi", 2);
  peer_send(&p, 0);
  must(peer_read(&p, back, 2) == 2);
  peer_close(&p);
}

Test(conf_lori, Notifier_RejectConnection)
{
  kit_start(1);
  server = (point_plan){.opened = reject_the_first, .last = 2};
  kit_listen(&server, NULL, NULL);
  kit_peer(comes_twice, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, 2);
  cr_assert_eq(server.received_bytes, 2);
}

/* ---- numbers ---- */

enum { FILES = 130, SPARE = 64, BY_DEFAULT = FILES - SPARE, CROWD = BY_DEFAULT + 4 };

static int callers[CROWD];

static int call_in(uint16_t port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
  return fd;
}

/* One leaves, one comes in; never more. */
static void come_and_go(uint16_t port)
{
  for (int i = 0; i < CROWD; i++) callers[i] = call_in(port);
  for (unsigned i = 0; i < CROWD; i++) {
    unsigned in = i + BY_DEFAULT < CROWD ? i + BY_DEFAULT : CROWD;
    peer_wait(&server.opened_count, in);
    peer_pause(2);
    must(server.opened_count == in);
    close(callers[i]);
  }
}

/* lori has 100000; here it follows from what the system allows, so that a listener alone
 * never takes the last descriptor. */
Test(conf_lori, DefaultMaxSpawn)
{
  struct rlimit old, low;
  foal_log_threshold(FOAL_LOG_ERROR);
  kit_start(1);
  server.last = CROWD;
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
  low = old;
  low.rlim_cur = FILES;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
  kit_listen(&server, NULL, NULL);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
  kit_peer(come_and_go, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, CROWD);
}

enum { MUCH = 2 << 20, READ_BYTES_MAX = 65536 };

static size_t largest;

HOOK measure(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  if (len > largest) largest = len;
  self->got += len;
  foal_buf_drop(data);
}

HOOK write_much(point *self, size_t room)
{
  (void)room;
  kit_stream(self, MUCH);
  if (self->sent == MUCH) foal_conn_close(self->conn);
}

HOOK begin_to_write(point *self)
{
  write_much(self, 1);
}

/* 16 KiB a connection in lori, 64 KiB a worker here. */
Test(conf_lori, DefaultReadBufferSize)
{
  kit_start(1);
  server = (point_plan){.received = measure, .last = 1};
  client = (point_plan){.opened = begin_to_write, .sendable = write_much};
  kit_listen(&server, NULL, NULL);
  kit_connect(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(server.received_bytes, MUCH);
  cr_assert_leq(largest, READ_BYTES_MAX);
  cr_assert_gt(largest, READ_BYTES_MAX / 4);
}
