/* pitfalls_flow_test.c - flow control, floods and limits that other stacks got wrong,
 * over real sockets. Which stacks, and how: docs/pitfalls.md. */
#include "unit/net_kit.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static point_plan server, client;
static int tls_version; /* -1: plain */

static void listen_for(void (*fn)(uint16_t port), const foal_conn_options *options)
{
  kit_listen(&server, tls_version < 0 ? NULL : kit_server_ctx, options);
  if (fn != NULL) kit_peer(fn, server.listener.port);
}

static void serve(int version, void (*fn)(uint16_t port),
                  const foal_conn_options *options)
{
  tls_version = version;
  server.last = 1;
  kit_start(1);
  listen_for(fn, options);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
}

static void begin(peer *p, uint16_t port)
{
  peer_open(p, port);
  if (tls_version >= 0) peer_tls(p, tls_version);
}

/* ---- a peer that does not read ---- */

enum { ROOM = 32768, CIPHER = 65536, CHUNK = 20000 };
static atomic_ullong written;

HOOK endless(point *self, size_t room)
{
  (void)room;
  kit_stream(self, UINT64_MAX);
  written = self->sent;
}

HOOK endless_opened(point *self)
{
  endless(self, 1);
}

static void never_reads(uint16_t port)
{
  static peer p;
  begin(&p, port);
  peer_wait(&server.opened_count, 1);
  foal_counters c = peer_wait_still();
  /* What left the protocol and is not in the system waits in the library. */
  must((int64_t)written - c.bytes_out <= ROOM + CIPHER + CHUNK);
  must(c.bufs_live <= 16);
  peer_reset(&p);
}

Test(pitfall, stalled_reader_is_bounded, .timeout = 30)
{
  server = (point_plan){.opened = endless_opened, .sendable = endless};
  serve(TLS1_3_VERSION, never_reads, NULL);
  cr_assert_eq(server.why, FOAL_RESET);
}

/* ---- both sides write before they read ---- */

enum { PUSH = 3000000 };

HOOK push_opened(point *self)
{
  while (self->sent < PUSH) {
    foal_buf *b;
    kit_pattern(&b, self->sent, 100000);
    self->sent += 100000;
    foal_conn_write(self->conn, &b);
  }
}

HOOK push_received(point *self, foal_buf **data)
{
  size_t len = foal_buf_len(*data);
  must(kit_is_pattern(foal_buf_data(*data), self->got, len));
  self->got += len;
  foal_buf_drop(data);
  if (self->got == PUSH) foal_conn_finish(self->conn);
}

HOOK nothing_ended(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN);
}

Test(pitfall, full_in_both_directions_goes_on, .timeout = 30)
{
  foal_conn_options options = {.queue_bytes_max = PUSH + 1, .write_ms = 3000};
  server = (point_plan){
      .opened = push_opened, .received = push_received, .ended = nothing_ended};
  client = server;
  server.last = 1;
  kit_start(1);
  kit_listen(&server, kit_server_ctx, &options);
  kit_connect(&client, server.listener.port, kit_client_ctx, &options);
  kit_run();
  cr_assert_eq(server.received_bytes, PUSH);
  cr_assert_eq(client.received_bytes, PUSH);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- mute between the records of one segment ---- */

enum { WORDS = 6 };

HOOK mutes_each_time(point *self, foal_buf **data)
{
  must(foal_buf_len(*data) == 4);
  must(self->step == self->got); /* never while it is muted */
  self->step++;
  foal_buf_drop(data);
  foal_conn_mute(self->conn);
  point_poke(point_me(self), 0);
}

HOOK unmutes(point *self, uint32_t what)
{
  (void)what;
  self->got++;
  foal_conn_unmute(self->conn);
}

HOOK expects_words(point *self)
{
  foal_conn_expect(self->conn, 4);
}

static void says_words_at_once(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  for (int i = 0; i < WORDS; i++) peer_say(&p, "word", 4);
  peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(pitfall, mute_stops_between_records_of_one_segment, .timeout = 20)
{
  point_poked = unmutes;
  server = (point_plan){.opened = expects_words, .received = mutes_each_time};
  serve(TLS1_3_VERSION, says_words_at_once, NULL);
  cr_assert_eq(server.received_bytes, WORDS * 4);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* A record that is cut by a mute is delivered whole, once. */
HOOK mutes_once(point *self, foal_buf **data)
{
  must(kit_is_pattern(foal_buf_data(*data), self->got, foal_buf_len(*data)));
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
  foal_conn_mute(self->conn);
  point_poke(point_me(self), 0);
}

HOOK only_unmutes(point *self, uint32_t what)
{
  (void)what;
  foal_conn_unmute(self->conn);
}

static void says_records_in_halves(uint16_t port)
{
  static peer p;
  static uint8_t text[16384];
  size_t bytes;
  begin(&p, port);
  for (int i = 0; i < 8; i++) {
    foal_buf *b;
    kit_pattern(&b, (uint64_t)i * sizeof text, sizeof text);
    memcpy(text, foal_buf_data(b), sizeof text);
    foal_buf_drop(&b);
    peer_say(&p, text, sizeof text);
    peer_send(&p, 9000);
  }
  peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(pitfall, records_that_span_segments_survive_mute, .timeout = 20)
{
  point_poked = only_unmutes;
  server = (point_plan){.received = mutes_once};
  serve(TLS1_3_VERSION, says_records_in_halves, NULL);
  cr_assert_eq(server.received_bytes, 8 * 16384);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

/* ---- the end arrives while nothing is read ---- */

static point_tag muted_one;

HOOK mutes_at_once(point *self)
{
  foal_conn_mute(self->conn);
  muted_one = point_me(self);
}

HOOK takes_a_word(point *self, foal_buf **data)
{
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
}

HOOK ends_behind_the_words(point *self, foal_err why)
{
  must(why == FOAL_CLEAN && self->got == WORDS * 4);
  foal_conn_close(self->conn);
}

static void says_words_and_waits(uint16_t port)
{
  static peer p;
  size_t bytes;
  begin(&p, port);
  for (int i = 0; i < WORDS; i++) peer_say(&p, "word", 4);
  if (tls_version >= 0) peer_notify(&p);
  peer_send(&p, 0);
  peer_fin(&p);
  peer_wait(&server.opened_count, 1);
  (void)peer_wait_still();
  must(server.ended_count == 0);
  point_poke(muted_one, 0);
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

Test(pitfall, the_end_does_not_overtake_data, .timeout = 20)
{
  for (int version = -1; version < 1; version++) {
    point_poked = only_unmutes;
    server = (point_plan){.opened = mutes_at_once,
                          .received = takes_a_word,
                          .ended = ends_behind_the_words};
    serve(version, says_words_and_waits, NULL);
    cr_assert_eq(server.ended_count, 1);
    cr_assert_eq(server.why, FOAL_CLEAN);
  }
}

/* ---- silence ---- */

enum { SILENT = 30 };
static peer silent[SILENT];

static void stay_silent(uint16_t port)
{
  size_t bytes;
  for (int i = 0; i < SILENT; i++) peer_open(&silent[i], port);
  foal_counters c;
  do {
    peer_pause(1);
    foal_counters_read(&c);
  } while (c.accepted < SILENT);
  must(foal_ssl_live_count() == 0);
  must(c.bufs_live == 0);
  must(c.actors_live <= SILENT + 1); /* the sockets and the listener */
  for (int i = 0; i < SILENT; i++) {
    must(peer_read_end(&silent[i], &bytes) == 0 && bytes == 0);
    peer_close(&silent[i]);
  }
  foal_listener_close(server.listener);
}

Test(pitfall, silent_peers_cost_no_session_and_are_sent_away, .timeout = 20)
{
  foal_conn_options options = {.handshake_ms = 150};
  server = (point_plan){.received = NULL};
  kit_start(1);
  tls_version = 0;
  listen_for(stay_silent, &options);
  kit_run();
  cr_assert_eq(server.opened_count + server.closed_count, 0, "there was no protocol");
}

static void drips(uint16_t port)
{
  static peer p;
  static const uint8_t hello[100] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
  size_t bytes;
  peer_open(&p, port);
  for (size_t i = 0; i < sizeof hello && server.closed_count == 0; i++) {
    peer_say(&p, hello + i, 1);
    peer_send(&p, 0);
    peer_pause(20);
  }
  must(server.closed_count == 1); /* while it still drips: 2 s, and the deadline is 0.3 */
  must(peer_read_end(&p, &bytes) == 0);
  peer_close(&p);
}

/* The deadline is for the whole handshake: a byte now and then does not move it. */
Test(pitfall, a_dripping_handshake_has_one_deadline, .timeout = 20)
{
  foal_conn_options options = {.handshake_ms = 300};
  server = (point_plan){.received = NULL};
  serve(0, drips, &options);
  cr_assert_eq(server.why, FOAL_TIMEOUT_HANDSHAKE);
}

/* ---- idle ---- */

enum { DRIPS = 12, DRIP_MS = 50, IDLE_MS = 500 };
static point_tag dripper;

HOOK drips_later(point *self)
{
  dripper = point_me(self);
}

HOOK drip(point *self, uint32_t what)
{
  foal_buf *b;
  (void)what;
  kit_pattern(&b, self->sent++, 1);
  foal_conn_write(self->conn, &b);
}

static void only_reads(uint16_t port)
{
  static peer p;
  char drop_of;
  begin(&p, port);
  peer_wait(&server.opened_count, 1);
  for (int i = 0; i < DRIPS; i++) {
    peer_pause(DRIP_MS); /* in all longer than IDLE_MS */
    point_poke(dripper, 0);
    must(peer_read(&p, &drop_of, 1) == 1);
  }
  peer_notify(&p);
  peer_send(&p, 0);
  peer_close(&p);
}

Test(pitfall, a_slow_download_is_not_idle, .timeout = 20)
{
  foal_conn_options options = {.idle_ms = IDLE_MS};
  point_poked = drip;
  server = (point_plan){.opened = drips_later};
  serve(TLS1_3_VERSION, only_reads, &options);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

static void begins_late(uint16_t port)
{
  static peer p;
  size_t bytes;
  peer_open(&p, port);
  peer_pause(3 * 50);
  peer_tls(&p, 0);
  must(peer_read_end(&p, &bytes) == 0); /* close_notify: it was open when it was idle */
  peer_close(&p);
}

Test(pitfall, idle_begins_behind_the_handshake, .timeout = 20)
{
  foal_conn_options options = {.idle_ms = 50};
  server = (point_plan){.received = NULL};
  serve(0, begins_late, &options);
  cr_assert_eq(server.opened_count, 1);
  cr_assert_eq(server.why, FOAL_TIMEOUT_IDLE);
}

/* ---- no descriptors ---- */

enum { CROWD = 8 };
static peer starving[CROWD];

static void starve(uint16_t port)
{
  char echo[3];
  (void)port;
  peer_pause(250); /* a loop that spins shows in the count of polls */
  foal_counters c;
  foal_counters_read(&c);
  must(c.polls < 200);
  must(c.accepted < CROWD);
  for (int i = 0; i < CROWD; i++) {
    must(peer_read(&starving[i], echo, 3) == 3); /* all are served in the end */
    peer_close(&starving[i]);
  }
}

Test(pitfall, emfile_does_not_spin, .timeout = 30)
{
  struct rlimit old, limit;
  foal_log_threshold(FOAL_LOG_ERROR);
  tls_version = -1;
  server.last = CROWD;
  kit_start(1);
  kit_connections_max = 1000;
  listen_for(NULL, NULL);
  for (int i = 0; i < CROWD; i++) {
    peer_open(&starving[i], server.listener.port);
    peer_say(&starving[i], "abc", 3);
    peer_send(&starving[i], 0);
  }
  int next = dup(0);
  close(next);
  getrlimit(RLIMIT_NOFILE, &old);
  limit = old;
  limit.rlim_cur = (rlim_t)next + 2;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  kit_peer(starve, server.listener.port);
  kit_run();
  setrlimit(RLIMIT_NOFILE, &old);
  cr_assert_eq(server.closed_count, CROWD);
}

/* ---- a number that is used again ---- */

static point_tag stale;

HOOK remembers(point *self)
{
  if (self->plan->opened_count == 0) stale = point_me(self);
}

HOOK writes_late(point *self, uint32_t what)
{
  (void)self, (void)what;
  kit_fail(__FILE__, __LINE__, "a message reached somebody else");
}

/* The descriptor at the other end. */
static int accepted_for(const peer *p)
{
  struct sockaddr_in here, there;
  socklen_t len = sizeof here;
  must(getsockname(p->fd, (struct sockaddr *)&here, &len) == 0);
  for (int fd = 0; fd < 100; fd++) {
    len = sizeof there;
    if (getpeername(fd, (struct sockaddr *)&there, &len) == 0 &&
        there.sin_family == AF_INET && there.sin_port == here.sin_port)
      return fd;
  }
  kit_fail(__FILE__, __LINE__, "the connection has a socket");
}

/* The first connection is gone, the second one has its descriptor: what is still sent to
 * the first reaches nobody. */
static void comes_after_another(uint16_t port)
{
  static peer first, second;
  char echo[6];
  begin(&first, port);
  peer_wait(&server.opened_count, 1);
  int number = accepted_for(&first);
  peer_reset(&first);
  peer_wait(&server.closed_count, 1);
  (void)peer_wait_still(); /* its descriptor is closed */
  begin(&second, port);
  peer_wait(&server.opened_count, 2);
  must(accepted_for(&second) == number);
  for (int i = 0; i < 10; i++) point_poke(stale, 0);
  peer_say(&second, "second", 6);
  peer_send(&second, 0);
  must(peer_read(&second, echo, 6) == 6 && memcmp(echo, "second", 6) == 0);
  peer_notify(&second);
  peer_send(&second, 0);
  peer_close(&second);
}

Test(pitfall, a_stale_write_reaches_nobody_else, .timeout = 20)
{
  point_poked = writes_late;
  server = (point_plan){.opened = remembers};
  server.last = 2;
  tls_version = TLS1_3_VERSION;
  kit_start(1);
  listen_for(comes_after_another, NULL);
  kit_run();
  cr_assert_eq(server.closed_count, 2);
  cr_assert_eq(server.received_bytes, 6);
}
