/* tcp_rows.c - the rows that Pony has for TCP and for TLS; see tcp_rows.h.
 *
 * As in Pony's _TestTCP: one listener, one connection to it, each with a script. Where
 * Pony waits two seconds for nothing to happen, here a thread waits until the library's
 * byte counters have stood still for a while and then looks. */
#include "tcp_rows.h"

point_plan rows_server, rows_client;

static void run_both(bool tls)
{
  rows_server.last = 1;
  kit_listen(&rows_server, tls ? kit_server_ctx : NULL, NULL);
  kit_connect(&rows_client, rows_server.listener.port, tls ? kit_client_ctx : NULL, NULL);
  kit_run();
  cr_assert_eq(rows_server.opened_count, 1);
  cr_assert_eq(rows_client.opened_count, 1);
  cr_assert_eq(rows_server.closed_count, 1);
  cr_assert_eq(rows_client.closed_count, 1);
}

static void say(point *self, const char *text, size_t len) FOAL_TURN;
static void say(point *self, const char *text, size_t len)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, len)) abort();
  foal_conn_write(self->conn, &b);
}

static bool is_text(foal_buf **data, const char *text) FOAL_TAKES(*data);
static bool is_text(foal_buf **data, const char *text)
{
  size_t len = strlen(text);
  bool same = foal_buf_len(*data) == len && memcmp(foal_buf_data(*data), text, len) == 0;
  foal_buf_drop(data);
  return same;
}

/* ---- expect ---- */

enum { HEAD_BYTES = 4 };

/* In two writes that cut the length, as Pony's test does. */
static void say_frame(point *self, const char *text) FOAL_TURN;
static void say_frame(point *self, const char *text)
{
  char rest[2 + 32];
  size_t len = strlen(text);
  must(len <= sizeof rest - 2);
  rest[0] = 0;
  rest[1] = (char)len;
  memcpy(rest + 2, text, len);
  say(self, "\0\0", 2);
  say(self, rest, 2 + len);
}

HOOK frames_opened(point *self)
{
  foal_conn_expect(self->conn, HEAD_BYTES);
  if (self->plan == &rows_server) say_frame(self, "hi there");
}

/* Returns whether the data is a body; a length is taken as what comes next. */
static bool is_body(point *self, foal_buf **data) FOAL_TURN FOAL_USES(*data);
static bool is_body(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  if (self->step != 0) {
    must(len == self->step);
    self->step = 0;
    foal_conn_expect(self->conn, HEAD_BYTES);
    return true;
  }
  const uint8_t *head = foal_buf_data(*data);
  must(len == HEAD_BYTES && head[0] == 0 && head[1] == 0 && head[2] == 0);
  self->step = head[3];
  foal_conn_expect(self->conn, self->step);
  return false;
}

HOOK frames_to_client(point *self, foal_buf **data)
{
  if (!is_body(self, data)) {
    foal_buf_drop(data);
    return;
  }
  must(is_text(data, "hi there"));
  self->plan->received_bytes += 1000; /* seen by the test */
  say_frame(self, "goodbye");
}

HOOK frames_to_server(point *self, foal_buf **data)
{
  if (!is_body(self, data)) {
    foal_buf_drop(data);
    return;
  }
  must(is_text(data, "goodbye"));
  foal_conn_close(self->conn);
}

void rows_expect(bool tls)
{
  kit_start(1);
  rows_server = (point_plan){.opened = frames_opened, .received = frames_to_server};
  rows_client = (point_plan){.opened = frames_opened, .received = frames_to_client};
  run_both(tls);
  cr_assert_eq(rows_server.received_bytes, HEAD_BYTES + strlen("goodbye"));
  cr_assert_eq(rows_client.received_bytes, 1000 + HEAD_BYTES + strlen("hi there"));
  cr_assert_eq(rows_server.why, FOAL_CLEAN);
  cr_assert_eq(rows_client.why, FOAL_CLEAN);
}

/* ---- writev ---- */

static const char *const pieces[] = {"hello", ", hello", " (from client)"};
static char heard[64];

HOOK writes_pieces(point *self)
{
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    say(self, pieces[i], strlen(pieces[i]));
  }
}

HOOK collects(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(self->got + len < sizeof heard);
  memcpy(heard + self->got, foal_buf_data(*data), len);
  self->got += len;
  foal_buf_drop(data);
  if (self->got == strlen("hello, hello (from client)")) foal_conn_close(self->conn);
}

void rows_writev(bool tls)
{
  foal_counters c;
  kit_start(1);
  rows_server = (point_plan){.received = collects};
  rows_client = (point_plan){.opened = writes_pieces};
  run_both(tls);
  cr_assert_str_eq(heard, "hello, hello (from client)");
  foal_counters_read(&c);
  if (!tls) cr_assert_eq(c.writes, 1, "the pieces of a turn leave in one system call");
}

/* ---- mute, unmute ---- */

static point_tag muted_one;
static atomic_uint answered;

HOOK mutes_and_asks(point *self)
{
  muted_one = point_me(self);
  foal_conn_mute(self->conn);
  say(self, "send me", 7);
}

HOOK answers(point *self, foal_buf **data)
{
  must(is_text(data, "send me"));
  say(self, "it's sad", 8);
  answered++;
}

HOOK close_poked(point *self, uint32_t what)
{
  (void)what;
  foal_conn_close(self->conn);
}

HOOK unmute_poked(point *self, uint32_t what)
{
  (void)what;
  must(self->plan->received_bytes == 0);
  foal_conn_unmute(self->conn);
}

HOOK nothing_comes(point *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
  must(false);
}

HOOK closes_on_answer(point *self, foal_buf **data)
{
  must(is_text(data, "it's sad"));
  foal_conn_close(self->conn);
}

static void pokes_when_still(uint16_t port)
{
  (void)port;
  peer_wait(&answered, 1);
  (void)peer_wait_still();
  must(rows_server.received_bytes == 0);
  must(rows_server.closed_count == 0);
  point_poke(muted_one, 0);
}

static void mute_until_poked(bool tls)
{
  kit_start(1);
  rows_server.opened = mutes_and_asks;
  rows_client = (point_plan){.received = answers};
  kit_peer(pokes_when_still, 0);
  run_both(tls);
}

void rows_mute(bool tls)
{
  point_poked = close_poked;
  rows_server.received = nothing_comes;
  mute_until_poked(tls);
  cr_assert_eq(rows_server.received_bytes, 0);
}

void rows_unmute(bool tls)
{
  point_poked = unmute_poked;
  rows_server.received = closes_on_answer;
  mute_until_poked(tls);
  cr_assert_eq(rows_server.received_bytes, 8);
}

/* ---- throttle ---- */

enum { STREAM_BYTES = 12000000 }; /* more than the system holds for a connection */
static atomic_ullong written;
static atomic_uint throttled;

HOOK streams(point *self, size_t room)
{
  (void)room;
  kit_stream(self, STREAM_BYTES);
  written = self->sent;
  if (foal_conn_room(self->conn) == 0) throttled++;
  if (self->sent == STREAM_BYTES) foal_conn_close(self->conn);
}

HOOK streams_when_asked(point *self, foal_buf **data)
{
  must(is_text(data, "send me"));
  streams(self, 1);
}

HOOK takes_stream(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
}

static void unmutes_the_throttling(uint16_t port)
{
  (void)port;
  peer_wait(&throttled, 1);
  (void)peer_wait_still();
  must(written < STREAM_BYTES);
  must(rows_server.received_bytes == 0);
  point_poke(muted_one, 0);
}

void rows_throttle(bool tls)
{
  point_poked = unmute_poked;
  kit_start(1);
  rows_server = (point_plan){.opened = mutes_and_asks, .received = takes_stream};
  rows_client = (point_plan){.received = streams_when_asked, .sendable = streams};
  kit_peer(unmutes_the_throttling, 0);
  run_both(tls);
  cr_assert_geq(throttled, 1);
  cr_assert_geq(rows_client.sendable_count, 1);
  cr_assert_eq(rows_server.received_bytes, STREAM_BYTES);
}
