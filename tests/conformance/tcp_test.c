/* tcp_test.c - Pony's tests of TCPConnection and TCPListener, and those of libponyrt that
 * send several buffers at once. */
#include "tcp_rows.h"

#include <arpa/inet.h>
#include <sys/socket.h>

TestSuite(conf_tcp, .timeout = 30);

Test(conf_tcp, TCP_expect)
{
  rows_expect(false);
}

/* There is no filter between a protocol and its bytes: what Pony's `sentv` adds, the
 * protocol writes itself. */
Test(conf_tcp, TCP_writev)
{
  rows_writev(false);
}

Test(conf_tcp, TCPMute)
{
  rows_mute(false);
}

Test(conf_tcp, TCPUnmute)
{
  rows_unmute(false);
}

/* `throttled` is a room of 0, `unthrottled` is `sendable`. */
Test(conf_tcp, TCPThrottle)
{
  rows_throttle(false);
}

/* ---- expect ---- */

enum { EXPECT_MAX = 65536 };

static void serve(void (*fn)(uint16_t port))
{
  kit_start(1);
  rows_server.last = 1;
  kit_listen(&rows_server, NULL, NULL);
  kit_peer(fn, rows_server.listener.port);
  kit_run();
  cr_assert_eq(rows_server.closed_count, 1);
}

static void sends_the_largest_frame(uint16_t port)
{
  static peer p;
  size_t rest;
  foal_buf *b;
  kit_pattern(&b, 0, EXPECT_MAX);
  peer_open(&p, port);
  peer_say(&p, foal_buf_data(b), EXPECT_MAX);
  foal_buf_drop(&b);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

HOOK expects_the_most(point *self)
{
  foal_conn_expect(self->conn, EXPECT_MAX);
}

HOOK takes_one_frame(point *self, foal_buf **data)
{
  must(foal_buf_len(*data) == EXPECT_MAX);
  must(kit_is_pattern(foal_buf_data(*data), 0, EXPECT_MAX));
  self->got++;
  foal_buf_drop(data);
}

HOOK expects_too_much(point *self)
{
  foal_conn_expect(self->conn, EXPECT_MAX + 1);
}

/* Pony raises what the caller may catch. Here that connection ends, with its reason. */
Test(conf_tcp, TCP_expectoverbuffersize)
{
  rows_server = (point_plan){.opened = expects_too_much, .last = 1};
  kit_start(1);
  kit_listen(&rows_server, NULL, NULL);
  kit_connect(&rows_client, rows_server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(rows_server.why, FOAL_LIMIT);
  cr_assert_eq(rows_client.why, FOAL_RESET);
  rows_client = (point_plan){0};
  rows_server = (point_plan){.opened = expects_the_most, .received = takes_one_frame};
  serve(sends_the_largest_frame);
  cr_assert_eq(rows_server.received_bytes, EXPECT_MAX);
}

static void sends_ten(uint16_t port)
{
  static peer p;
  char back[6];
  size_t rest;
  peer_open(&p, port);
  peer_say(&p, "abcdefghij", 10);
  peer_send(&p, 0);
  must(peer_read(&p, back, 6) == 6); /* nothing more is sent before they are delivered */
  must(memcmp(back, "efghij", 6) == 0);
  peer_fin(&p);
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

HOOK expects_four(point *self)
{
  foal_conn_expect(self->conn, 4);
}

HOOK four_and_the_rest(point *self, foal_buf **data)
{
  if (self->step++ == 0) {
    must(foal_buf_len(*data) == 4 && memcmp(foal_buf_data(*data), "abcd", 4) == 0);
    foal_conn_expect(self->conn, 0);
    foal_buf_drop(data);
    return;
  }
  must(foal_buf_len(*data) == 6);
  foal_conn_write(self->conn, data);
}

Test(conf_tcp, TCP_expectsettozero)
{
  rows_server = (point_plan){.opened = expects_four, .received = four_and_the_rest};
  serve(sends_ten);
  cr_assert_eq(rows_server.received_bytes, 10);
}

/* ---- the peer's end ---- */

static point_tag muted_one;

HOOK mutes(point *self)
{
  muted_one = point_me(self);
  foal_conn_mute(self->conn);
}

HOOK unmutes(point *self, uint32_t what)
{
  (void)what;
  must(self->plan->ended_count == 0);
  foal_conn_unmute(self->conn);
}

static void ends_for_a_muted_one(uint16_t port)
{
  static peer p;
  size_t rest;
  peer_open(&p, port);
  peer_say(&p, "last words", 10);
  peer_send(&p, 0);
  peer_fin(&p);
  peer_wait(&rows_server.opened_count, 1);
  (void)peer_wait_still();
  must(rows_server.ended_count == 0 && rows_server.closed_count == 0);
  must(rows_server.received_bytes == 0);
  point_poke(muted_one, 0);
  must(peer_read_end(&p, &rest) == 0);
  must(rest == 10);
  peer_close(&p);
}

/* As in Pony, and what Pony's row does not ask for: unmuted, it gets all of it, the words
 * and the end. */
Test(conf_tcp, TCPMutePeerCloseUndetected)
{
  point_poked = unmutes;
  rows_server = (point_plan){.opened = mutes};
  serve(ends_for_a_muted_one);
  cr_assert_eq(rows_server.received_bytes, 10);
  cr_assert_eq(rows_server.ended_count, 1);
  cr_assert_eq(rows_server.why, FOAL_CLEAN);
}

HOOK says_and_closes(point *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, 100000);
  foal_conn_write(self->conn, &b);
  foal_conn_close(self->conn);
}

HOOK takes_and_drops(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
}

Test(conf_tcp, TCPGracefulClose)
{
  kit_start(1);
  rows_client = (point_plan){.opened = says_and_closes};
  rows_server = (point_plan){.received = takes_and_drops, .last = 1};
  kit_listen(&rows_server, NULL, NULL);
  kit_connect(&rows_client, rows_server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(rows_server.received_bytes, 100000);
  cr_assert_eq(rows_server.ended_count, 1);
  cr_assert_eq(rows_server.why, FOAL_CLEAN);
  cr_assert_eq(rows_client.closed_count, 1);
  cr_assert_eq(rows_client.why, FOAL_CLEAN);
}

/* ---- connecting ---- */

static char proxied_name[64];

HOOK notes_name(point *self)
{
  (void)snprintf(proxied_name, sizeof proxied_name, "%s",
                 foal_ssl_server_name(foal_conn_ssl(self->conn)));
}

HOOK closes(point *self)
{
  foal_conn_close(self->conn);
}

/* Pony asks the protocol where to go in place of host and service. Here who connects says
 * both: `host` is where to go, `verify_name` who is to be met there. */
Test(conf_tcp, TCPProxy)
{
  point_tag tag;
  kit_start(1);
  rows_server = (point_plan){.opened = notes_name, .last = 1};
  rows_client.opened = closes;
  kit_listen(&rows_server, kit_server_ctx, NULL);
  foal_connect_options o = {.host = "127.0.0.1",
                            .port = rows_server.listener.port,
                            .ctx = kit_client_ctx,
                            .verify_name = "localhost",
                            .conn = {.context = &rows_client}};
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  cr_assert_eq(rows_client.opened_count, 1);
  cr_assert_eq(strncmp(rows_client.peer, "127.0.0.1:", 10), 0);
  cr_assert_str_eq(proxied_name, "localhost");
}

/* A port that is taken and where nobody listens. */
static int bound_port(uint16_t *port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  cr_assert_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
  cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  *port = ntohs(sa.sin_port);
  return fd;
}

Test(conf_tcp, TCPConnectionFailed)
{
  uint16_t port;
  int fd = bound_port(&port);
  kit_start(1);
  kit_connect(&rows_client, port, NULL, NULL);
  kit_run();
  (void)close(fd);
  cr_assert_eq(rows_client.opened_count, 0);
  cr_assert_eq(rows_client.closed_count, 1);
  cr_assert_eq(rows_client.why, FOAL_REFUSED);
}

/* Waits for the end of the listener before it connects. */
typedef struct latecomer {
  char unused;
} latecomer;
FOAL_TAG(latecomer)
FOAL_ACTOR(latecomer)
FOAL_DOWN(latecomer)
FOAL_BEHAVIOUR0(latecomer, begin)

static void latecomer_on_begin(latecomer *self)
{
  latecomer_watch(self, rows_server.listener.any);
  foal_listener_close(rows_server.listener);
}

static void latecomer_on_down(latecomer *self, foal_tag who, foal_err why)
{
  (void)self, (void)why;
  must(foal_tag_equal(who, rows_server.listener.any));
  kit_connect(&rows_client, rows_server.listener.port, NULL, NULL);
}

Test(conf_tcp, TCPConnectionToClosedServerFailed)
{
  latecomer_tag late;
  kit_start(1);
  kit_listen(&rows_server, NULL, NULL);
  cr_assert(latecomer_spawn(&late));
  latecomer_begin(late);
  kit_run();
  cr_assert_eq(rows_client.opened_count, 0);
  cr_assert_eq(rows_client.closed_count, 1);
  cr_assert_eq(rows_client.why, FOAL_REFUSED);
}

/* ---- several buffers at once ---- */

/* One write takes one buffer; those of a turn are gathered below and leave together. */
enum { PIECES = 12, PIECE_BYTES = 1000000, SMALL_PIECES = 300, SMALL_BYTES = 100 };

static uint8_t all[PIECES * PIECE_BYTES];

static void write_pieces(point *self, uint32_t pieces, size_t bytes) FOAL_TURN;
static void write_pieces(point *self, uint32_t pieces, size_t bytes)
{
  for (; pieces > 0; pieces--, self->sent += bytes) {
    foal_buf *b;
    kit_pattern(&b, self->sent, bytes);
    foal_conn_write(self->conn, &b);
  }
}

HOOK writes_large_pieces(point *self)
{
  write_pieces(self, PIECES, PIECE_BYTES);
  foal_conn_close(self->conn);
}

HOOK writes_small_pieces(point *self)
{
  write_pieces(self, SMALL_PIECES, SMALL_BYTES);
  foal_conn_close(self->conn);
}

static size_t first_bytes, all_bytes;

/* Reads a part, waits until nothing moves, and reads the rest. */
static void reads_in_two_parts(uint16_t port)
{
  static peer p;
  size_t rest;
  peer_open(&p, port);
  must(peer_read(&p, all, first_bytes) == first_bytes);
  if (first_bytes > 0) {
    foal_counters c = peer_wait_still();
    must(c.bytes_out >= (int64_t)first_bytes);
    must(c.bytes_out < (int64_t)all_bytes); /* the system has taken a part only */
  }
  must(peer_read(&p, all + first_bytes, all_bytes - first_bytes) ==
       all_bytes - first_bytes);
  must(kit_is_pattern(all, 0, all_bytes));
  must(peer_read_end(&p, &rest) == 0 && rest == 0);
  peer_close(&p);
}

static void pieces_arrive(void (*opened)(point *self), size_t first, size_t bytes)
{
  foal_conn_options options = {.queue_bytes_max = 2 * PIECES * PIECE_BYTES};
  first_bytes = first;
  all_bytes = bytes;
  rows_server = (point_plan){.opened = opened, .last = 1};
  kit_start(1);
  kit_listen(&rows_server, NULL, &options);
  kit_peer(reads_in_two_parts, rows_server.listener.port);
  kit_run();
  cr_assert_eq(rows_server.closed_count, 1);
  cr_assert_eq(rows_server.why, FOAL_CLEAN);
}

TestSuite(conf_socket, .timeout = 30);

Test(conf_socket, SendvOnBlockingSocketWritesAllBuffers)
{
  foal_counters c;
  pieces_arrive(writes_small_pieces, 0, SMALL_PIECES * SMALL_BYTES);
  foal_counters_read(&c);
  cr_assert_eq(c.writes, 1);
}

Test(conf_socket, SendvWithOversizedPayloadWritesPartially)
{
  pieces_arrive(writes_large_pieces, PIECE_BYTES + 1, sizeof all);
}

static atomic_uint after_write;

HOOK writes_and_goes_on(point *self)
{
  write_pieces(self, PIECES, PIECE_BYTES);
  point_poke(point_me(self), 0);
}

HOOK goes_on(point *self, uint32_t what)
{
  (void)what;
  after_write++;
  foal_conn_close(self->conn);
}

static void reads_when_others_had_a_turn(uint16_t port)
{
  static peer p;
  size_t rest;
  peer_open(&p, port);
  peer_wait(&after_write, 1);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

/* The worker has other turns while the peer reads nothing. */
Test(conf_socket, SendvOnFullBlockingSocketDoesNotWait)
{
  foal_conn_options options = {.queue_bytes_max = 2 * PIECES * PIECE_BYTES};
  point_poked = goes_on;
  rows_server = (point_plan){.opened = writes_and_goes_on, .last = 1};
  kit_start(1);
  kit_listen(&rows_server, NULL, &options);
  kit_peer(reads_when_others_had_a_turn, rows_server.listener.port);
  kit_run();
  cr_assert_eq(rows_server.why, FOAL_CLEAN);
}

HOOK writes_to_nobody(point *self, uint32_t what)
{
  (void)what;
  write_pieces(self, SMALL_PIECES, SMALL_BYTES);
}

static void resets_a_muted_one(uint16_t port)
{
  static peer p;
  peer_open(&p, port);
  peer_wait(&rows_server.opened_count, 1);
  peer_reset(&p);
  (void)peer_wait_still();
  must(rows_server.closed_count == 0);
  point_poke(muted_one, 0);
}

/* Muted, so that it is the write that finds out. */
Test(conf_socket, SendvOnPeerClosedSocketReturnsError)
{
  point_poked = writes_to_nobody;
  rows_server = (point_plan){.opened = mutes};
  serve(resets_a_muted_one);
  cr_assert_eq(rows_server.why, FOAL_RESET);
}
