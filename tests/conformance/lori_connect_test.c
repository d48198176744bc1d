/* lori_connect_test.c - lori's rows about connections: making them, listening, framing,
 * cutting them off in the middle, settings of their sockets.
 *
 * Over real sockets of this machine. The look-up of names is the test's own: its answer
 * comes when the test wants it, which may be after the end of who asked. */
#include "lori_kit.h"
#include "net/impl/transport.h"
#include "runtime/impl/worker.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 100, FILES_MAX = 1024 };

static talk_plan server, client;

TestSuite(conf_lori, .timeout = 30);

/* ---- look-ups that wait ---- */

static foal_tag asking;
static const foal_behaviour *answering;

bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done)
{
  (void)host, (void)port;
  asking = to;
  answering = done;
  return true;
}

FOAL_TRUSTED static void answer(const char *text, uint16_t port)
{
  foal_buf *b;
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
  must(inet_pton(AF_INET, text, &sa.sin_addr) == 1);
  foal__addr addr = foal__addr_from((const struct sockaddr *)&sa);
  must(foal_buf_from(&b, &addr, sizeof addr));
  foal__post_buf(asking, answering, &b);
}

/* ---- what several tests do ---- */

HOOK echo(talk *self, foal_buf **data)
{
  foal_conn_write(self->conn, data);
}

HOOK hang_up(talk *self)
{
  foal_conn_close(self->conn);
}

/* One server, one client: until both have closed. */
static void meet(foal_ssl_ctx *server_ctx, foal_ssl_ctx *client_ctx)
{
  server.last = 1;
  talk_serve(&server, server_ctx, NULL);
  talk_call(&client, server.listener.port, client_ctx, NULL);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(client.closed_count, 1);
}

/* ---- connecting ---- */

/* A port nobody listens on: bound and not listening. */
static int bound_socket(uint16_t *port)
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

/* The failure callback is `closed` without an `opened` before it. */
Test(conf_lori, OutgoingFails)
{
  uint16_t port;
  int fd = bound_socket(&port);
  kit_start(1);
  talk_call(&client, port, NULL, NULL);
  kit_run();
  cr_assert(talk_is(&client, "closed:REFUSED"));
  close(fd);
}

/* Connecting begins with the look-up. */
Test(conf_lori, connection_timeout_covers_the_look_up)
{
  talk_tag tag;
  kit_start(1);
  foal_connect_options to = {.host = "never.test",
                             .conn = {.context = &client, .connect_ms = 30}};
  cr_assert(talk_try_connect(&to, &tag));
  kit_run();
  cr_assert(talk_is(&client, "closed:TIMEOUT_CONNECT"));
}

static void say(talk *self, const char *text) FOAL_TURN;
static void say(talk *self, const char *text)
{
  must(talk_say(self, text, 0) == FOAL_OK);
}

HOOK ping(talk *self)
{
  say(self, "ping");
}

HOOK ping_on(talk *self, foal_buf **data)
{
  must(foal_buf_len(*data) == 4 && memcmp(foal_buf_data(*data), "pong", 4) == 0);
  foal_buf_drop(data);
  if (++self->step == ROUNDS) {
    foal_conn_close(self->conn);
  } else {
    say(self, "ping");
  }
}

HOOK pong(talk *self, foal_buf **data)
{
  must(foal_buf_len(*data) == 4 && memcmp(foal_buf_data(*data), "ping", 4) == 0);
  foal_buf_drop(data);
  say(self, "pong");
}

static void play(const char *listen_host, const char *host)
{
  talk_tag tag;
  kit_start(1);
  server = (talk_plan){.received = pong, .quiet = true, .last = 1};
  client = (talk_plan){.opened = ping, .received = ping_on, .quiet = true};
  foal_listen_options where = {.host = listen_host, .conn = {.context = &server}};
  cr_assert_eq(talk_try_listen(&where, &server.listener), FOAL_OK);
  foal_connect_options to = {
      .host = host, .port = server.listener.port, .conn = {.context = &client}};
  cr_assert(talk_try_connect(&to, &tag));
  kit_run();
  cr_assert_eq(client.received_bytes, 4 * ROUNDS);
  cr_assert_eq(server.received_bytes, 4 * ROUNDS);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(conf_lori, PingPong)
{
  play(NULL, "127.0.0.1"); /* listens on every address */
}

/* The family is that of the address. */
Test(conf_lori, IP4PingPong)
{
  play("127.0.0.1", "127.0.0.1");
}

static bool has_ip6(void)
{
  struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool works = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0;
  if (fd >= 0) close(fd);
  return works;
}

Test(conf_lori, IP6PingPong)
{
  if (!has_ip6()) cr_skip_test("this machine has no ::1");
  play("::1", "::1");
}

/* ---- listening ---- */

Test(conf_lori, CanListen)
{
  kit_start(1);
  client.opened = hang_up;
  meet(NULL, NULL);
  cr_assert(talk_is(&server, "opened ended:CLEAN closed:CLEAN"));
}

static char local_text[FOAL_ADDR_TEXT_BYTES], cut_text[10];
static size_t local_len, cut_len;

HOOK look_at_local(talk *self)
{
  local_len = foal_conn_local(self->conn, local_text, sizeof local_text);
  cut_len = foal_conn_local(self->conn, cut_text, sizeof cut_text);
}

/* The listener's address is the one that was asked for with the real port, and it is what
 * every accepted connection calls its own. */
Test(conf_lori, ListenerLocalAddress)
{
  char expected[FOAL_ADDR_TEXT_BYTES];
  kit_start(1);
  server.opened = look_at_local;
  client.opened = hang_up;
  meet(NULL, NULL);
  cr_assert_gt(server.listener.port, 0);
  snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)server.listener.port);
  cr_assert_str_eq(local_text, expected);
  cr_assert_eq(local_len, strlen(expected));
  cr_assert_eq(cut_len, strlen(expected));
  cr_assert_str_eq(cut_text, "127.0.0.1");
}

/* ---- frames ---- */

HOOK frames_of_four(talk *self)
{
  foal_conn_expect(self->conn, 4);
}

HOOK say_24(talk *self)
{
  say(self, "abcdefghijklmnopqrstuvwx");
  foal_conn_close(self->conn);
}

Test(conf_lori, BasicBufferUntil)
{
  kit_start(1);
  server.opened = frames_of_four;
  client.opened = say_24;
  meet(NULL, NULL);
  cr_assert(talk_is(&server, "opened received:4 received:4 received:4 received:4 "
                             "received:4 received:4 ended:CLEAN closed:CLEAN"));
  cr_assert_eq(memcmp(server.got, "abcdefghijklmnopqrstuvwx", 24), 0);
}

/* ---- cutting off ---- */

HOOK cut(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

/* More than one read takes: the rest waits in the socket when the first part is there. */
static void sends_much(uint16_t port)
{
  static peer p;
  static const uint8_t much[65536];
  size_t bytes;
  peer_open(&p, port);
  peer_say(&p, much, sizeof much);
  peer_say(&p, much, sizeof much);
  peer_send(&p, 0);
  must(peer_read_end(&p, &bytes) == 2);
  must(bytes == 0);
  peer_close(&p);
}

Test(conf_lori, HardCloseDuringReceive)
{
  kit_start(1);
  server.received = cut;
  server.last = 1;
  talk_serve(&server, NULL, NULL);
  kit_peer(sends_much, server.listener.port);
  kit_run();
  cr_assert_eq(strncmp(server.journal, "opened received:", 16), 0, "%s", server.journal);
  cr_assert_not_null(strstr(server.journal + 16, " closed:LOCAL"));
  cr_assert_null(strstr(server.journal + 16, "received"), "%s", server.journal);
}

HOOK say_two_frames(talk *self)
{
  say(self, "abcdefgh");
}

Test(conf_lori, HardCloseAfterFramedReceive)
{
  kit_start(1);
  server.opened = frames_of_four;
  server.received = cut;
  client.opened = say_two_frames;
  meet(NULL, NULL);
  cr_assert(talk_is(&server, "opened received:4 closed:LOCAL"));
  cr_assert_eq(client.why, FOAL_RESET);
}

/* ---- settings of the socket ---- */

static uint16_t port_of(const struct sockaddr_in *sa)
{
  return ntohs(sa->sin_port);
}

static uint16_t port_in(const char *text)
{
  return (uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10);
}

/* The descriptor of a connection, by its two ports. */
static int socket_of(talk *self) FOAL_TURN;
static int socket_of(talk *self)
{
  char local[FOAL_ADDR_TEXT_BYTES];
  (void)foal_conn_local(self->conn, local, sizeof local);
  for (int fd = 0; fd < FILES_MAX; fd++) {
    struct sockaddr_in here, there;
    socklen_t here_len = sizeof here, there_len = sizeof there;
    if (getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
        getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 &&
        here.sin_family == AF_INET && port_of(&here) == port_in(local) &&
        port_of(&there) == port_in(foal_conn_peer(self->conn)))
      return fd;
  }
  kit_fail(__FILE__, __LINE__, "the connection has a socket");
}

static int option_of(int fd, int level, int option)
{
  int value = -1;
  socklen_t len = sizeof value;
  must(getsockopt(fd, level, option, &value, &len) == 0);
  return value;
}

enum { KEEP_S = 77, IN_BYTES = 30000, OUT_BYTES = 40000 };

/* Linux doubles the size of a buffer, for its own needs. */
static void look_at_options(talk *self, bool nagle) FOAL_TURN;
static void look_at_options(talk *self, bool nagle)
{
  int fd = socket_of(self);
  must(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == !nagle);
  must(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
  must(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE) == KEEP_S);
  must(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) > 1);
  must(option_of(fd, SOL_SOCKET, SO_RCVBUF) == 2 * IN_BYTES);
  must(option_of(fd, SOL_SOCKET, SO_SNDBUF) == 2 * OUT_BYTES);
}

/* Settings take their place among what is written: they count when the echo is here. */
HOOK set_and_ask(talk *self)
{
  int fd = socket_of(self);
  must(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1); /* what is written leaves at once */
  must(option_of(fd, SOL_SOCKET, SO_KEEPALIVE) == 0);
  must(foal_conn_set(self->conn, FOAL_CONN_NAGLE, 1) == FOAL_OK);
  must(foal_conn_set(self->conn, FOAL_CONN_KEEPALIVE_S, KEEP_S) == FOAL_OK);
  must(foal_conn_set(self->conn, FOAL_CONN_RECEIVE_BYTES, IN_BYTES) == FOAL_OK);
  must(foal_conn_set(self->conn, FOAL_CONN_SEND_BYTES, OUT_BYTES) == FOAL_OK);
  say(self, "?");
}

HOOK unset_and_ask(talk *self, foal_buf **data)
{
  foal_buf_drop(data);
  self->step++;
  if (self->step == 1) {
    look_at_options(self, true);
    must(foal_conn_set(self->conn, FOAL_CONN_NAGLE, 0) == FOAL_OK);
    must(foal_conn_set(self->conn, FOAL_CONN_KEEPALIVE_S, 0) == FOAL_OK);
    say(self, "?");
    return;
  }
  must(option_of(socket_of(self), IPPROTO_TCP, TCP_NODELAY) == 1);
  must(option_of(socket_of(self), SOL_SOCKET, SO_KEEPALIVE) == 0);
  foal_conn_close(self->conn);
}

HOOK look_at_accepted(talk *self)
{
  look_at_options(self, true);
}

/* Nagle, keepalive and the two sizes of buffers are what can be set; by foal_conn_set,
 * and by the options of a listener or a client. */
Test(conf_lori, SocketOptionsConnected)
{
  foal_conn_options options = {.nagle = true,
                               .keepalive_s = KEEP_S,
                               .receive_bytes = IN_BYTES,
                               .send_bytes = OUT_BYTES};
  kit_start(1);
  server = (talk_plan){.opened = look_at_accepted, .received = echo, .last = 1};
  client = (talk_plan){.opened = set_and_ask, .received = unset_and_ask};
  talk_serve(&server, NULL, &options);
  talk_call(&client, server.listener.port, NULL, NULL);
  kit_run();
  cr_assert_eq(client.received_bytes, 2);
  cr_assert_eq(client.why, FOAL_CLEAN);
}

static foal_err before, after;

HOOK set_too_early(talk *self, uint32_t what)
{
  (void)what;
  if (foal_tag_is_nobody(asking)) { /* it does not dial yet */
    talk_tell(talk_me(self), TALK_CALL, 0);
    return;
  }
  before = foal_conn_set(self->conn, FOAL_CONN_NAGLE, 1);
  answer("127.0.0.1", server.listener.port);
}

HOOK set_wrongly_and_close(talk *self)
{
  foal_conn *conn = self->conn;
  must(foal_conn_set(conn, (foal_conn_option)99, 1) == FOAL_BAD_ARGUMENT);
  must(foal_conn_set(conn, FOAL_CONN_NAGLE, 2) == FOAL_BAD_ARGUMENT);
  must(foal_conn_set(conn, FOAL_CONN_KEEPALIVE_S, 32768) == FOAL_BAD_ARGUMENT);
  must(foal_conn_set(conn, FOAL_CONN_RECEIVE_BYTES, 0) == FOAL_BAD_ARGUMENT);
  must(foal_conn_set(conn, FOAL_CONN_SEND_BYTES, UINT32_MAX) == FOAL_BAD_ARGUMENT);
  foal_conn_close(conn);
  must(foal_conn_set(conn, FOAL_CONN_NAGLE, 1) == FOAL_BAD_STATE);
}

HOOK set_too_late(talk *self, foal_err why)
{
  (void)why;
  after = foal_conn_set(self->conn, FOAL_CONN_KEEPALIVE_S, 1);
}

/* While it is looked up, while it closes, and after its end. */
Test(conf_lori, SocketOptionsNotConnected)
{
  kit_start(1);
  server.last = 1;
  client.opened = set_wrongly_and_close;
  client.closed = set_too_late;
  talk_called = set_too_early;
  talk_serve(&server, NULL, NULL);
  foal_connect_options to = {
      .host = "later.test", .port = server.listener.port, .conn = {.context = &client}};
  talk_tag tag;
  cr_assert(talk_try_connect(&to, &tag));
  talk_tell(tag, TALK_CALL, 0);
  kit_run();
  cr_assert_eq(client.opened_count, 1);
  cr_assert_eq(before, FOAL_BAD_STATE);
  cr_assert_eq(after, FOAL_BAD_STATE);
}

/* ---- what comes too late ---- */

static talk_tag ended;

/* The actor that asked is gone: its answer, and what others send to it, are dropped, and
 * the buffer of the answer with them. */
HOOK answer_too_late(talk *self, foal_err why)
{
  (void)self, (void)why;
  answer("127.0.0.1", 1);
}

/* `pass` watches the end of the caller, and then sends to it. */
typedef struct pass {
  int unused;
} pass;
FOAL_TAG(pass)
FOAL_ACTOR(pass)
FOAL_BEHAVIOUR1(pass, wait_for, talk_tag, who)
FOAL_DOWN(pass)

static void pass_on_wait_for(pass *self, talk_tag who)
{
  pass_watch(self, who.any);
  talk_tell(who, TALK_CLOSE, 0);
}

static void pass_on_down(pass *self, foal_tag who, foal_err why)
{
  (void)self, (void)who, (void)why;
  talk_tell(ended, TALK_CLOSE, 0);
  foal_actor_end(FOAL_ENDED);
}

Test(conf_lori, StaleForeignEventDropped)
{
  pass_tag watcher;
  foal_counters c;
  kit_start(1);
  client.closed = answer_too_late;
  foal_connect_options to = {.host = "later.test", .conn = {.context = &client}};
  cr_assert(talk_try_connect(&to, &ended));
  cr_assert(pass_spawn(&watcher));
  pass_wait_for(watcher, ended);
  kit_run();
  foal_counters_read(&c);
  cr_assert(talk_is(&client, "closed:LOCAL"));
  cr_assert_eq(c.messages_dropped, 2);
}
