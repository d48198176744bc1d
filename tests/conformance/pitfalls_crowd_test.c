/* pitfalls_crowd_test.c - many connections, and handlers that get into each other's way:
 * mistakes of other stacks, over real sockets. Which, and how: docs/pitfalls.md. */
#include "unit/net_kit.h"

static point_plan server, client;

/* ---- a storm of handshakes ---- */

enum { STORM = 120, AT_ONCE = 20, WORD = 4, ROUNDS = 3 };
static point_plan storm;
static unsigned begun;
static unsigned rounds; /* of talk, between the first handshake and the last */

static void ping(point *self) FOAL_TURN;
static void ping(point *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, WORD);
  foal_conn_write(self->conn, &b);
}

static void one_more(void)
{
  begun++;
  (void)kit_connect(&storm, server.listener.port, kit_client_ctx, NULL);
}

HOOK begins_the_storm(point *self)
{
  ping(self);
  while (begun < AT_ONCE) one_more();
}

HOOK pings_on(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (storm.opened_count == STORM) {
    foal_conn_close(self->conn);
  } else {
    if (storm.opened_count > 0) rounds++;
    ping(self);
  }
}

/* As long as the storm goes on, who leaves makes room for another. */
HOOK makes_room(point *self)
{
  foal_conn_close(self->conn);
  if (begun < STORM) one_more();
}

/* Handshakes are dear; who is connected already does not wait for all of them: they take
 * turns, all on one worker. */
Test(pitfall, a_handshake_storm_starves_nobody, .timeout = 30)
{
  kit_start(1);
  server = (point_plan){.last = STORM + 1};
  client = (point_plan){.opened = begins_the_storm, .received = pings_on};
  storm = (point_plan){.opened = makes_room};
  kit_listen(&server, kit_server_ctx, NULL);
  kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(storm.opened_count, STORM);
  cr_assert_eq(client.why, FOAL_CLEAN);
  cr_assert_geq(rounds, ROUNDS, "%u rounds", rounds);
}

/* ---- one worker takes all ---- */

enum { CROWD = 24, WORKERS = 2 };
static atomic_uint taken[WORKERS];
static peer crowd[CROWD];

HOOK counts_its_worker(point *self)
{
  (void)self;
  taken[foal_worker()]++;
}

static void come_and_stay(uint16_t port)
{
  char echo[1];
  for (int i = 0; i < CROWD; i++) {
    peer_open(&crowd[i], port);
    peer_say(&crowd[i], "x", 1);
    peer_send(&crowd[i], 0);
    must(peer_read(&crowd[i], echo, 1) == 1);
  }
  for (int i = 0; i < CROWD; i++) peer_close(&crowd[i]);
}

Test(pitfall, connections_are_shared_out_fairly, .timeout = 30)
{
  kit_start(WORKERS);
  server = (point_plan){.opened = counts_its_worker, .last = CROWD};
  kit_listen(&server, NULL, NULL);
  kit_peer(come_and_stay, server.listener.port);
  kit_run();
  cr_assert_eq(taken[0] + taken[1], CROWD);
  cr_assert_geq(taken[0], CROWD / 4, "%u and %u", taken[0], taken[1]);
  cr_assert_geq(taken[1], CROWD / 4, "%u and %u", taken[0], taken[1]);
}

/* ---- handlers that close everybody ---- */

static point_tag everybody[CROWD];
static atomic_uint here;

static void close_everybody(void)
{
  for (unsigned i = 0; i < here; i++) point_poke(everybody[i], 0);
}

HOOK closes_when_all_are_here(point *self)
{
  everybody[here] = point_me(self);
  if (++here == CROWD) close_everybody();
}

HOOK closes_all_others(point *self, foal_err why)
{
  (void)self, (void)why;
  close_everybody();
}

HOOK is_closed(point *self, uint32_t what)
{
  (void)what;
  foal_conn_close(self->conn);
}

/* There is no list that a handler could change while it is walked. */
Test(pitfall, closed_handlers_may_close_everybody, .timeout = 30)
{
  kit_start(1);
  point_poked = is_closed;
  server = (point_plan){
      .opened = closes_when_all_are_here, .closed = closes_all_others, .last = CROWD};
  client = (point_plan){.received = NULL};
  kit_listen(&server, kit_server_ctx, NULL);
  for (int i = 0; i < CROWD; i++)
    (void)kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(server.closed_count, CROWD);
  cr_assert_eq(client.closed_count, CROWD);
}

/* ---- both sides end in every way at once ---- */

enum { WAYS = 5 };

static void end_somehow(point *self, unsigned way) FOAL_TURN;
static void end_somehow(point *self, unsigned way)
{
  ping(self);
  switch (way) {
  case 0:
    foal_conn_close(self->conn);
    break;
  case 1:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  case 2:
    foal_conn_finish(self->conn);
    break;
  case 3:
    foal_actor_end(FOAL_ENDED);
    break;
  default:
    foal_conn_close(self->conn);
    foal_conn_abort(self->conn, FOAL_LOCAL);
  }
}

static atomic_uint turns[2];

HOOK ends_as_a_client(point *self)
{
  end_somehow(self, turns[0]++ % WAYS);
}

HOOK ends_as_a_server(point *self)
{
  end_somehow(self, turns[1]++ / WAYS % WAYS);
}

/* The kit aborts when a handler comes behind `closed`, or `closed` twice. */
Test(pitfall, closed_comes_once_and_last, .timeout = 30)
{
  foal_conn_options options = {.linger_ms = 50};
  enum { ALL = WAYS * WAYS };
  for (unsigned workers = 1; workers <= WORKERS; workers++) {
    kit_start(workers);
    server = (point_plan){.opened = ends_as_a_server, .last = ALL};
    client = (point_plan){.opened = ends_as_a_client};
    kit_listen(&server, NULL, &options);
    for (int i = 0; i < ALL; i++)
      (void)kit_connect(&client, server.listener.port, NULL, &options);
    kit_run();
    cr_assert_eq(client.closed_count, ALL);
    cr_assert_eq(server.closed_count, ALL);
  }
}

/* ---- no handler inside another ---- */

enum { FLOOD = 300000 };
static bool inside;

static void enter(void)
{
  must(!inside);
  inside = true;
}

static void leave(void)
{
  inside = false;
}

HOOK alone_opened(point *self)
{
  enter();
  kit_stream(self, FLOOD);
  leave();
}

/* Whoever has heard all may still have something to say. */
static void finish_if_done(point *self) FOAL_TURN;
static void finish_if_done(point *self)
{
  if (self->got == FLOOD && self->sent == FLOOD) foal_conn_finish(self->conn);
}

HOOK alone_received(point *self, foal_buf **data)
{
  enter();
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
  foal_conn_mute(self->conn);
  foal_conn_unmute(self->conn);
  foal_conn_expect(self->conn, 1 + self->got % 1000);
  kit_stream(self, FLOOD);
  if (self->got > FLOOD / 2) foal_conn_expect(self->conn, 0);
  finish_if_done(self);
  leave();
}

HOOK alone_sendable(point *self, size_t room)
{
  (void)room;
  enter();
  kit_stream(self, FLOOD);
  finish_if_done(self);
  leave();
}

HOOK alone_ended(point *self, foal_err why)
{
  (void)why;
  enter();
  foal_conn_close(self->conn);
  leave();
}

HOOK alone_closed(point *self, foal_err why)
{
  (void)self, (void)why;
  enter();
  leave();
}

/* A call in a handler calls no handler: neither writing, nor unmuting, nor closing. */
Test(pitfall, no_handler_runs_inside_another, .timeout = 30)
{
  kit_start(1);
  server = (point_plan){.opened = alone_opened,
                        .received = alone_received,
                        .sendable = alone_sendable,
                        .ended = alone_ended,
                        .closed = alone_closed};
  client = server;
  server.last = 1;
  kit_listen(&server, kit_server_ctx, NULL);
  (void)kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  kit_run();
  cr_assert_eq(server.received_bytes, FLOOD);
  cr_assert_eq(client.received_bytes, FLOOD);
  cr_assert_gt(server.sendable_count, 0);
}

/* ---- a protocol that is slower than the network ---- */

enum { OFFERED = 4000000, WINDOW = 131072 + 65536 };
static atomic_ullong offered;

HOOK takes_its_time(point *self, foal_buf **data)
{
  foal_counters c;
  foal_counters_read(&c);
  must(c.bytes_in - (int64_t)self->got <= WINDOW);
  while (self->got == 0 && offered < 4 * WINDOW) peer_pause(1);
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
}

static void offers_more_than_is_taken(uint16_t port)
{
  static peer p;
  static uint8_t text[50000];
  peer_open(&p, port);
  for (int i = 0; i < OFFERED / (int)sizeof text; i++) {
    peer_say(&p, text, sizeof text);
    peer_send(&p, 0);
    offered += sizeof text;
  }
  peer_close(&p);
}

Test(pitfall, the_network_does_not_outrun_a_mailbox, .timeout = 30)
{
  kit_start(1);
  server = (point_plan){.received = takes_its_time, .last = 1};
  kit_listen(&server, NULL, NULL);
  kit_peer(offers_more_than_is_taken, server.listener.port);
  kit_run();
  cr_assert_eq(server.received_bytes, OFFERED);
}

/* ---- muted before it is open ---- */

enum { MUTE, UNMUTE };

HOOK mutes_or_unmutes(point *self, uint32_t what)
{
  foal_conn *conn = foal__conn_self(self);
  if (what == MUTE)
    foal_conn_mute(conn);
  else
    foal_conn_unmute(conn);
  self->step += what;
}

HOOK greets(point *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, WORD);
  foal_conn_write(self->conn, &b);
}

static point_tag early;
static atomic_ullong before_unmute;

static void unmutes_later(uint16_t port)
{
  (void)port;
  peer_wait(&client.opened_count, 1);
  (void)peer_wait_still(); /* the greeting has arrived */
  before_unmute = client.received_bytes;
  point_poke(early, UNMUTE);
}

HOOK takes_the_greeting(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  must(self->step == UNMUTE);
  foal_conn_close(self->conn);
}

Test(pitfall, mute_before_the_handshake_holds, .timeout = 20)
{
  kit_start(1);
  point_poked = mutes_or_unmutes;
  server = (point_plan){.opened = greets, .last = 1};
  client = (point_plan){.received = takes_the_greeting};
  kit_listen(&server, kit_server_ctx, NULL);
  early = kit_connect(&client, server.listener.port, kit_client_ctx, NULL);
  point_poke(early, MUTE);
  kit_peer(unmutes_later, server.listener.port);
  kit_run();
  cr_assert_eq(before_unmute, 0);
  cr_assert_eq(client.received_bytes, WORD);
}

/* ---- a call for each write ---- */

enum { WRITES = 1000, WRITE = 1000, CALLS = 2 * 16 + 20 };
static bool with_tls;

HOOK writes_often(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  for (int i = 0; i < WRITES; i++) {
    foal_buf *b;
    kit_pattern(&b, (uint64_t)i * WRITE, WRITE);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void counts_the_calls(uint16_t port)
{
  static peer p;
  static uint8_t all[WRITES * WRITE];
  size_t rest;
  foal_counters before, after;
  peer_open(&p, port);
  if (with_tls) peer_tls(&p, 0);
  peer_wait(&server.opened_count, 1);
  foal_counters_read(&before);
  peer_say(&p, "x", 1);
  peer_send(&p, 0);
  must(peer_read(&p, all, sizeof all) == sizeof all);
  must(kit_is_pattern(all, 0, sizeof all));
  must(peer_read_end(&p, &rest) == 0);
  foal_counters_read(&after);
  must(after.writes - before.writes <= CALLS);
  peer_close(&p);
}

Test(pitfall, a_thousand_writes_leave_in_few_calls, .timeout = 20)
{
  for (int tls = 0; tls < 2; tls++) {
    with_tls = tls;
    kit_start(1);
    server = (point_plan){.received = writes_often, .last = 1};
    kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
    kit_peer(counts_the_calls, server.listener.port);
    kit_run();
  }
}

/* ---- new keys without end, and nobody reads the answers ---- */

enum { UPDATES = 2000 };

static void asks_for_keys(uint16_t port)
{
  static peer p;
  peer_open(&p, port);
  peer_tls(&p, TLS1_3_VERSION);
  peer_wait(&server.opened_count, 1);
  for (int i = 0; i < UPDATES && server.closed_count == 0; i++) {
    must(SSL_key_update(p.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    must(SSL_do_handshake(p.ssl) == 1);
    p.cipher_len = (size_t)BIO_read(SSL_get_wbio(p.ssl), p.cipher, (int)sizeof p.cipher);
    peer_send(&p, 0);
  }
  peer_wait(&server.closed_count, 1);
  foal_counters c;
  foal_counters_read(&c);
  must(c.bytes_out < 4000);
  peer_close(&p);
}

Test(pitfall, key_update_flood_from_a_peer_that_does_not_read, .timeout = 30)
{
  foal_conn_options options = {.linger_ms = 50};
  kit_start(1);
  server = (point_plan){.last = 1};
  kit_listen(&server, kit_server_ctx, &options);
  kit_peer(asks_for_keys, server.listener.port);
  kit_run();
  cr_assert_eq(server.why, FOAL_LIMIT);
  cr_assert_not_null(strstr(server.reason, "key updates"));
}
