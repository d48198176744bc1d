/* pitfalls_close_test.c - ends of connections that other stacks got wrong, over real
 * sockets. Which stacks, and how: docs/pitfalls.md. */
#include "unit/net_kit.h"

#include <signal.h>

static point_plan server, client;
static int tls_version; /* -1: plain */

static void serve(int version, void (*fn)(uint16_t port),
                  const foal_conn_options *options)
{
  tls_version = version;
  server.last = 1;
  kit_start(1);
  kit_listen(&server, version < 0 ? NULL : kit_server_ctx, options);
  kit_peer(fn, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

static void begin(peer *p, uint16_t port)
{
  peer_open(p, port);
  if (tls_version >= 0) peer_tls(p, tls_version);
}

static void say(peer *p, const char *text)
{
  peer_say(p, text, strlen(text));
  peer_send(p, 0);
}

HOOK drop(point *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

/* ---- half-close ---- */

enum { ANSWER = 4000000, PILE = 12000000 /* more than the system takes */ };
static uint8_t all[PILE];

HOOK answer_more(point *self, size_t room)
{
  (void)room;
  kit_stream(self, ANSWER);
  if (self->sent == ANSWER) foal_conn_close(self->conn);
}

HOOK answer_ended(point *self, foal_err why)
{
  must(why == FOAL_CLEAN);
  answer_more(self, 1);
}

static void asks_and_ends(uint16_t port)
{
  static peer p;
  size_t rest;
  begin(&p, port);
  peer_say(&p, "all of it", 9);
  peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read(&p, all, ANSWER) == ANSWER);
  must(kit_is_pattern(all, 0, ANSWER));
  must(peer_read_end(&p, &rest) == 0 && rest == 0);
  peer_close(&p);
}

static void half_close(int version)
{
  server = (point_plan){.received = drop, .ended = answer_ended, .sendable = answer_more};
  serve(version, asks_and_ends, NULL);
  cr_assert_eq(server.received_bytes, 9);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(pitfall, half_close_keeps_the_answer, .timeout = 30)
{
  half_close(TLS1_2_VERSION);
  half_close(TLS1_3_VERSION);
}

/* ---- what was given away before close arrives ---- */

enum { PIECE = 500000 };

HOOK write_all_and_close(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  for (; self->sent < PILE; self->sent += PIECE) {
    foal_buf *b;
    kit_pattern(&b, self->sent, PIECE);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void reads_late(uint16_t port)
{
  static peer p;
  size_t rest;
  begin(&p, port);
  say(&p, "x");
  (void)peer_wait_still();
  must(peer_read(&p, all, PILE) == PILE);
  must(kit_is_pattern(all, 0, PILE));
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

Test(pitfall, close_delivers_queued_writes, .timeout = 30)
{
  foal_conn_options options = {.queue_bytes_max = 2 * PILE};
  server.received = write_all_and_close;
  serve(TLS1_3_VERSION, reads_late, &options);
}

/* A close with input that nobody has read resets, and that destroys what was sent. */
static void leaves_input(uint16_t port)
{
  static peer p;
  static uint8_t junk[50000];
  size_t rest;
  begin(&p, port);
  peer_say(&p, "x", 1);
  peer_say(&p, junk, sizeof junk);
  peer_send(&p, 0);
  must(peer_read(&p, all, PILE) == PILE);
  must(kit_is_pattern(all, 0, PILE));
  must(peer_read_end(&p, &rest) == 0);
  peer_close(&p);
}

Test(pitfall, unread_input_does_not_cost_the_answer, .timeout = 30)
{
  foal_conn_options options = {.queue_bytes_max = 2 * PILE};
  server.received = write_all_and_close;
  serve(TLS1_3_VERSION, leaves_input, &options);
}

/* ---- every orderly end says so ---- */

static void hears_the_end(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  say(&p, "go");
  must(peer_read_end(&p, &bytes) == 0);
  peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  peer_close(&p);
}

static void hears_the_end_of_silence(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

static void hears_the_end_of_the_program(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  peer_wait(&server.opened_count, 1);
  foal_drain();
  must(peer_read_end(&p, &bytes) == 0);
  peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

HOOK closes(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_close(self->conn);
}

HOOK finishes(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_finish(self->conn);
}

Test(pitfall, every_orderly_end_sends_close_notify, .timeout = 30)
{
  foal_conn_options idle = {.idle_ms = 60};
  server = (point_plan){.received = closes};
  serve(0, hears_the_end, NULL);
  server = (point_plan){.received = finishes};
  serve(0, hears_the_end, NULL);
  server = (point_plan){.received = NULL};
  serve(0, hears_the_end_of_silence, &idle);
  server = (point_plan){.received = NULL};
  serve(0, hears_the_end_of_the_program, NULL);
}

/* What follows a handshake that fails is TLS, not a message for a protocol that never
 * began: nothing but one alert record is on the wire. */
static void is_refused(uint16_t port)
{
  static peer p;
  static const uint8_t hello[] = {22, 3, 1, 0, 5, 1, 0, 0, 1, 3}; /* not one */
  uint8_t answer[100];
  peer_open(&p, port);
  peer_say(&p, hello, sizeof hello);
  peer_send(&p, 0);
  must(peer_read(&p, answer, sizeof answer) == 7);
  must(answer[0] == 21 && answer[1] == 3 && answer[5] == 2);
  peer_close(&p);
}

Test(pitfall, a_failed_handshake_leaves_its_alert_only, .timeout = 20)
{
  server = (point_plan){.received = NULL};
  serve(0, is_refused, NULL);
  cr_assert_eq(server.opened_count, 0);
  cr_assert_eq(server.why, FOAL_TLS_FAILED);
}

/* ---- peers that are gone ---- */

HOOK endless(point *self, size_t room)
{
  (void)room;
  kit_stream(self, UINT64_MAX);
}

HOOK endless_opened(point *self)
{
  endless(self, 1);
}

static void leaves_in_the_middle(uint16_t port)
{
  static peer p;
  begin(&p, port);
  must(peer_read(&p, all, 100000) == 100000);
  peer_reset(&p);
}

/* A write to a socket whose peer is gone raises SIGPIPE, which ends the program. */
Test(pitfall, sigpipe_default_disposition, .timeout = 20)
{
  must(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
  server = (point_plan){.opened = endless_opened, .sendable = endless};
  serve(TLS1_3_VERSION, leaves_in_the_middle, NULL);
  cr_assert_eq(server.why, FOAL_RESET);
}

/* The tickets of TLS 1.3 are written when the client may be gone already. */
static void leaves_after_its_finished(uint16_t port)
{
  static peer p;
  begin(&p, port);
  peer_reset(&p);
}

Test(pitfall, a_ticket_for_a_peer_that_left, .timeout = 20)
{
  must(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
  for (int i = 0; i < 20; i++) {
    server = (point_plan){.received = NULL};
    serve(TLS1_3_VERSION, leaves_after_its_finished, NULL);
    cr_assert(server.why == FOAL_RESET || server.why == FOAL_TRUNCATED);
  }
}

HOOK writes_after_the_end(point *self, foal_err why)
{
  (void)why;
  for (int i = 0; i < 10; i++) {
    foal_buf *b;
    kit_pattern(&b, 0, 1000);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void leaves_before_the_answer(uint16_t port)
{
  static peer p;
  begin(&p, port);
  peer_say(&p, "bye", 3);
  peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

Test(pitfall, writing_to_a_closed_peer, .timeout = 20)
{
  server = (point_plan){.received = drop, .ended = writes_after_the_end};
  serve(TLS1_3_VERSION, leaves_before_the_answer, NULL);
  cr_assert_eq(server.ended_count, 1);
  cr_assert(server.why == FOAL_RESET || server.why == FOAL_CLEAN);
}

/* ---- close and abort in every handler ---- */

enum { IN_OPENED = 1, IN_RECEIVED, IN_SENDABLE, IN_ENDED, IN_CLOSED, PLACES };
static int where;
static unsigned reached; /* so often was it there */
static bool aborts;

static void end_if(point *self, int here) FOAL_TURN;
static void end_if(point *self, int here)
{
  if (here != where) return;
  reached++;
  if (aborts) {
    foal_conn_abort(self->conn, FOAL_LOCAL);
  } else {
    foal_conn_close(self->conn);
  }
  foal_buf *b;
  kit_pattern(&b, 0, 10);
  foal_conn_write(self->conn, &b); /* dropped */
  must(foal_conn_room(self->conn) == 0);
}

HOOK every_opened(point *self)
{
  end_if(self, IN_OPENED);
}

HOOK every_received(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(where != IN_OPENED && (where != IN_RECEIVED || self->step++ == 0));
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
  (void)why;
  end_if(self, IN_CLOSED);
}

static void goes_through_all(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  for (int i = 0; i < 5; i++) peer_say(&p, "word", 4);
  peer_notify(&p);
  peer_send(&p, 3); /* in pieces: the end is asked for between and inside records */
  peer_fin(&p);
  (void)peer_read_end(&p, &bytes);
  peer_close(&p);
}

static void in_every_handler(bool abort_)
{
  aborts = abort_;
  for (where = IN_OPENED; where < PLACES; where++) {
    reached = 0;
    server = (point_plan){.opened = every_opened,
                          .received = every_received,
                          .sendable = every_sendable,
                          .ended = every_ended,
                          .closed = every_closed};
    serve(0, goes_through_all, NULL);
    cr_assert_eq(server.opened_count, 1);
    cr_assert_gt(reached, 0, "place %d", where);
  }
}

Test(pitfall, close_in_every_handler, .timeout = 30)
{
  in_every_handler(false);
}

Test(pitfall, abort_in_every_handler, .timeout = 30)
{
  in_every_handler(true);
}

/* ---- closing while connecting ---- */

HOOK closes_itself(point *self, uint32_t what)
{
  (void)what;
  foal_conn_close(foal__conn_self(self)); /* also before `opened` */
}

Test(pitfall, close_while_connecting_is_heard, .timeout = 20)
{
  kit_start(1);
  server = (point_plan){.received = drop};
  kit_listen(&server, kit_server_ctx, NULL);
  point_poked = closes_itself;
  for (int i = 0; i < 20; i++)
    point_poke(kit_connect(&client, server.listener.port, kit_client_ctx, NULL), 0);
  client.last = 20;
  client.listener = server.listener;
  kit_run();
  cr_assert_eq(client.opened_count, 0);
  cr_assert_eq(client.closed_count, 20);
  cr_assert_eq(client.why, FOAL_LOCAL);
}
