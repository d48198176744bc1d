/* lori_fixes_test.c - what lori had to repair, version by version, second part: what
 * depends on the system, over real sockets.
 *
 * The number before a test is the version that brought the repair. */
#include "unit/net_kit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(conf_lori_fixes, .timeout = 30);

enum { CROWD = 100 };

static point_plan server, client;
static int crowd[CROWD];

/* A connection that waits in the backlog, with its bytes. */
static int call_in(uint16_t port, const char *text)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
  must(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
  return fd;
}

static size_t hear_all(int fd, char *bytes, size_t size)
{
  size_t got = 0;
  ssize_t n;
  while ((n = recv(fd, bytes + got, size - got, 0)) > 0) got += (size_t)n;
  return n == 0 ? got : SIZE_MAX;
}

/* ---- 0.1.0: incoming connections were lost ---- */

static void crowd_is_answered(uint16_t port)
{
  char back;
  (void)port;
  for (int i = 0; i < CROWD; i++) {
    must(recv(crowd[i], &back, 1, MSG_WAITALL) == 1 && back == 'x');
    close(crowd[i]);
  }
}

/* More of them than one turn accepts, before anybody looks. */
Test(conf_lori_fixes, lost_incoming_connections)
{
  kit_start(1);
  server.last = CROWD;
  kit_listen(&server, NULL, NULL);
  for (int i = 0; i < CROWD; i++) crowd[i] = call_in(server.listener.port, "x");
  kit_peer(crowd_is_answered, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, CROWD);
  cr_assert_eq(server.received_bytes, CROWD);
}

/* ---- 0.5.1: what was about a descriptor met the next one of that number ---- */

enum { VISITS = 60 };

static void visits(uint16_t port)
{
  static peer p;
  char back[5];
  for (int i = 0; i < VISITS; i++) {
    peer_open(&p, port);
    peer_say(&p, "hello", 5);
    peer_send(&p, 0);
    must(peer_read(&p, back, 5) == 5);
    if (i % 2 == 0) peer_reset(&p);
    if (i % 2 == 1) peer_close(&p);
  }
}

Test(conf_lori_fixes, a_reused_descriptor_is_a_new_connection)
{
  kit_start(1);
  server.last = VISITS;
  kit_listen(&server, NULL, NULL);
  kit_peer(visits, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, VISITS);
  cr_assert_eq(server.received_bytes, 5 * VISITS);
}

/* ---- 0.5.1: all data had arrived before the descriptor was watched ---- */

static void is_answered_in_full(uint16_t port)
{
  char back[20];
  (void)port;
  must(hear_all(crowd[0], back, sizeof back) == 5);
  must(memcmp(back, "hello", 5) == 0);
  close(crowd[0]);
}

Test(conf_lori_fixes, all_data_and_the_end_came_before_the_beginning)
{
  kit_start(1);
  server.last = 1;
  kit_listen(&server, NULL, NULL);
  crowd[0] = call_in(server.listener.port, "hello");
  (void)shutdown(crowd[0], SHUT_WR);
  kit_peer(is_answered_in_full, server.listener.port);
  kit_run();
  cr_assert_eq(server.ended_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- 0.6.0: what was written on connecting was not sent ---- */

enum { PIECES = 100, PIECE_BYTES = 3000 };

HOOK write_pieces(point *self)
{
  for (uint64_t i = 0; i < PIECES; i++) {
    foal_buf *b;
    kit_pattern(&b, i * PIECE_BYTES, PIECE_BYTES);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

HOOK check_pattern(point *self, foal_buf **data)
{
  must(kit_is_pattern(foal_buf_data(*data), self->got, foal_buf_len(*data)));
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
}

static void meet(foal_ssl_ctx *server_ctx, foal_ssl_ctx *client_ctx)
{
  point_tag tag;
  server.last = 1;
  kit_listen(&server, server_ctx, NULL);
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = server.listener.port,
                             .ctx = client_ctx,
                             .verify_name = "localhost",
                             .conn = {.context = &client}};
  cr_assert(kit_try_connect(&to, &tag));
  kit_run();
}

Test(conf_lori_fixes, queued_writes_on_connect)
{
  kit_start(1);
  client.opened = write_pieces;
  server.received = check_pattern;
  meet(NULL, NULL);
  cr_assert_eq(server.received_bytes, PIECES * PIECE_BYTES);
  cr_assert_eq(client.why, FOAL_CLEAN);
}

/* ---- 0.10.0: accepting span when there were no descriptors ---- */

enum { STARVING = 10, FILES_LEFT = 3, STARVED_MS = 250, POLLS_MAX = 120 };

static struct rlimit files;

static void starves_and_recovers(uint16_t port)
{
  char back[2];
  foal_counters c;
  (void)port;
  peer_wait(&server.opened_count, FILES_LEFT);
  peer_pause(STARVED_MS);
  foal_counters_read(&c);
  must(c.accepted == FILES_LEFT && c.polls < POLLS_MAX);
  must(setrlimit(RLIMIT_NOFILE, &files) == 0);
  for (int i = 0; i < STARVING; i++) {
    must(recv(crowd[i], back, 1, MSG_WAITALL) == 1);
    close(crowd[i]);
  }
}

static int next_descriptor(void)
{
  int next = dup(0);
  close(next);
  return next;
}

Test(conf_lori_fixes, accept_spin_at_emfile)
{
  foal_log_threshold(FOAL_LOG_ERROR);
  kit_start(1);
  kit_connections_max = 1000;
  server.last = STARVING;
  kit_listen(&server, NULL, NULL);
  for (int i = 0; i < STARVING; i++) crowd[i] = call_in(server.listener.port, "x");
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
  struct rlimit few = files;
  few.rlim_cur = (rlim_t)next_descriptor() + FILES_LEFT;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
  kit_peer(starves_and_recovers, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, STARVING);
}

/* ---- 0.12.0: descriptors of attempts and of failures were leaked ---- */

static int open_files(void)
{
  DIR *dir = opendir("/proc/self/fd");
  int count = 0;
  cr_assert_not_null(dir);
  while (readdir(dir) != NULL) count++;
  closedir(dir);
  return count;
}

HOOK cut(point *self)
{
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

static void talks_nonsense(uint16_t port)
{
  static char sink[1000];
  int fd = call_in(port, "GET / HTTP/1.0\r\n\r\n");
  (void)hear_all(fd, sink, sizeof sink);
  close(fd);
}

/* A port nobody listens on: bound and not listening. */
static int nobodys_socket(uint16_t *port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET};
  socklen_t len = sizeof sa;
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  *port = ntohs(sa.sin_port);
  return fd;
}

/* Ended before it began, refused, cut off, no TLS. */
static void fail_in_all_ways(void)
{
  uint16_t nobodys;
  int fd = nobodys_socket(&nobodys);
  static point_plan cutter;
  server = (point_plan){.last = 2};
  client = cutter = (point_plan){.opened = cut};
  kit_start(1);
  kit_listen(&server, kit_server_ctx, NULL);
  kit_peer(talks_nonsense, server.listener.port);
  point_tag early = kit_connect(&client, server.listener.port, NULL, NULL);
  foal_actor_tell_end(early.any, FOAL_LOCAL);
  kit_connect(&client, nobodys, NULL, NULL);
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = server.listener.port,
                             .ctx = kit_client_ctx,
                             .verify_name = "localhost",
                             .conn = {.context = &cutter}};
  cr_assert(kit_try_connect(&to, &early));
  kit_run();
  cr_assert_eq(client.closed_count, 2);
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(cutter.opened_count, 1);
  close(fd);
}

/* The first round opens what stays open, if there is such a thing. */
Test(conf_lori_fixes, no_descriptor_is_left_by_failures)
{
  fail_in_all_ways();
  int before = open_files();
  for (int i = 0; i < 3; i++) fail_in_all_ways();
  cr_assert_eq(open_files(), before);
}

/* ---- 0.13.1, 0.15.1, 0.17.0: silence after a big write ---- */

enum { MUCH = 3 << 20, PINGS = 10 };

HOOK stream(point *self, size_t room)
{
  (void)room;
  kit_stream(self, MUCH);
}

HOOK stream_first(point *self)
{
  stream(self, 1);
}

HOOK ping_when_all_is_back(point *self, foal_buf **data)
{
  foal_buf *b;
  check_pattern(self, data);
  if (self->got < MUCH) return;
  if (self->step++ == PINGS) {
    foal_conn_close(self->conn);
    return;
  }
  kit_pattern(&b, self->got, 1);
  foal_conn_write(self->conn, &b);
}

static void write_much_then_ping(foal_ssl_ctx *server_ctx, foal_ssl_ctx *client_ctx)
{
  client.opened = stream_first;
  client.sendable = stream;
  client.received = ping_when_all_is_back;
  meet(server_ctx, client_ctx);
  cr_assert_eq(client.received_bytes, MUCH + PINGS);
  cr_assert_eq(server.received_bytes, MUCH + PINGS);
  cr_assert_eq(client.why, FOAL_CLEAN);
}

Test(conf_lori_fixes, a_big_write_silences_nobody)
{
  kit_start(1);
  write_much_then_ping(NULL, NULL);
}

Test(conf_lori_fixes, a_big_write_silences_nobody_tls)
{
  kit_start(1);
  write_much_then_ping(kit_server_ctx, kit_client_ctx);
}

/* ---- 0.17.0: a hard close of TLS from a callback crashed ---- */

static void speaks_and_ends(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_tls(&p, 0);
  peer_say(&p, "hello", 5);
  peer_notify(&p);
  peer_send(&p, 0);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

HOOK cut_received(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  cut(self);
}

HOOK cut_sendable(point *self, size_t room)
{
  (void)room;
  cut(self);
}

HOOK cut_told(point *self, foal_err why)
{
  (void)why;
  cut(self);
}

static void cut_off_in(point_plan plan, foal_err why)
{
  server = plan;
  server.last = 1;
  kit_start(1);
  kit_listen(&server, kit_server_ctx, NULL);
  kit_peer(speaks_and_ends, server.listener.port);
  kit_run();
  cr_assert_eq(server.opened_count, 1);
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(server.why, why, "%s", foal_err_name(server.why));
}

Test(conf_lori_fixes, abort_in_any_handler_of_tls)
{
  cut_off_in((point_plan){.opened = cut}, FOAL_LOCAL);
  cut_off_in((point_plan){.received = cut_received}, FOAL_LOCAL);
  cut_off_in((point_plan){.opened = stream_first, .sendable = cut_sendable}, FOAL_LOCAL);
  cut_off_in((point_plan){.ended = cut_told}, FOAL_LOCAL);
  cut_off_in((point_plan){.closed = cut_told}, FOAL_CLEAN);
}

/* ---- 0.18.0: a descriptor was closed twice ---- */

static int taken[VISITS];
static int taken_count;

/* The number that has just become free is somebody else's now. */
HOOK take_number(point *self, foal_err why)
{
  (void)self, (void)why;
  must(taken_count < VISITS);
  taken[taken_count++] = dup(0);
}

Test(conf_lori_fixes, a_descriptor_is_closed_once)
{
  kit_start(1);
  server.last = VISITS;
  server.closed = take_number;
  kit_listen(&server, NULL, NULL);
  kit_peer(visits, server.listener.port);
  kit_run();
  cr_assert_eq(taken_count, VISITS);
  for (int i = 0; i < VISITS; i++) cr_assert_geq(fcntl(taken[i], F_GETFD), 0);
}

/* ---- 0.18.1: no close_notify ---- */

static void hears_close_notify(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_tls(&p, 0);
  must(peer_read_end(&p, &bytes) == 0);
  must(bytes == PIECES * PIECE_BYTES);
  peer_close(&p);
}

Test(conf_lori_fixes, close_notify_ends_what_was_written)
{
  kit_start(1);
  server.last = 1;
  server.opened = write_pieces;
  kit_listen(&server, kit_server_ctx, NULL);
  kit_peer(hears_close_notify, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

/* ---- #316: a frame of TLS larger than the buffer never came ---- */

enum { FRAME_BYTES = 65536, FRAMES = 16 };

HOOK large_frames(point *self)
{
  foal_conn_expect(self->conn, FRAME_BYTES);
}

HOOK check_large_frame(point *self, foal_buf **data)
{
  must(foal_buf_len(*data) == FRAME_BYTES);
  check_pattern(self, data);
  if (self->got == FRAME_BYTES * FRAMES) foal_conn_close(self->conn);
}

HOOK stream_frames(point *self, size_t room)
{
  (void)room;
  kit_stream(self, FRAME_BYTES * FRAMES);
}

HOOK stream_frames_first(point *self)
{
  stream_frames(self, 1);
}

Test(conf_lori_fixes, the_largest_frames_over_tls)
{
  kit_start(1);
  server.opened = large_frames;
  server.received = check_large_frame;
  client.opened = stream_frames_first;
  client.sendable = stream_frames;
  meet(kit_server_ctx, kit_client_ctx);
  cr_assert_eq(server.received_bytes, FRAME_BYTES * FRAMES);
}
