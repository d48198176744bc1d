/* net_time.c - every time-out and bound of a connection, under virtual time.
 *
 * A run is one case: silence in a handshake, a connection without traffic, one that only
 * writes, a peer that never reads, a peer that never ends, a peer that never stops. Each
 * must end for its reason, not before its time and soon after it, whatever the network
 * does; and the one that only writes must not end at all. */
#include "net_tip.h"

#include "scenarios.h"
#include "sim/impl/wire.h"

#include <string.h>

typedef enum time_case {
  SILENT,       /* a TLS listener hears nothing, or half a ClientHello */
  DRIPPING,     /* ... or a byte of it every few seconds, for ever */
  IDLE,         /* nobody says anything */
  LATE,         /* ... to somebody who minds only since it is open */
  BUSY,         /* one side only writes, more often than the time-out */
  DEAF,         /* the peer does not read */
  NEVER_ENDING, /* the peer never sends FIN */
  FLOODING,     /* the peer goes on sending after our FIN */
  CASES
} time_case;

enum {
  SLACK_MS = 2500,
  SLOW_MS = 80000, /* a direction may stand still, bytes may take long */
  EARLY_MS = 3,
  LIMIT_MS_MAX = 60000,
  DRIP_MS = 2000,
  DEAF_BYTES = 600000,
  FLOOD_BYTES = 4096,
  FLOODS = 250,
  FLOOD_READ_MAX = 300000, /* of what is sent while we linger: a small part of it */
  STEPS_MAX = 200000,
  LINGER_BYTES = 20000
};

static const char *const names[CASES] = {
    "silent", "dripping", "idle", "late", "busy", "deaf", "never_ending", "flooding"};
static time_case now;
static uint32_t limit_ms;
static tip_plan client, server;
static foal_sim_peer *peer;
static uint64_t connected_ms, ended_ms, sent;
static uint64_t heard_ms,
    sent_before; /* when the peer heard us last, and had sent then */
static bool peer_ended;

static const tip_log *server_log(void)
{
  for (uint32_t i = 0; i < tip_count(); i++)
    if (tip_at(i)->server) return tip_at(i);
  return NULL;
}

/* ---- a peer that is no actor ---- */

static const uint8_t hello[] = {22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3, 7, 7, 7, 7, 7};

static void flood(void)
{
  uint8_t bytes[FLOOD_BYTES];
  memset(bytes, 'x', sizeof bytes);
  if (!peer_ended) foal_sim_peer_send(peer, bytes, sizeof bytes);
  sent += sizeof bytes;
}

static void on_connected(foal_sim_peer *p, void *context)
{
  size_t some = foal_sim_draw(sizeof hello);
  (void)context;
  connected_ms = foal_sim_now_ms();
  if (now == SILENT && some > 0) foal_sim_peer_send(p, hello, some);
  if (now == DEAF) foal_sim_peer_read(p, false);
}

static void on_peer_received(foal_sim_peer *p, void *context, const uint8_t *bytes,
                             size_t len)
{
  const tip_log *log = server_log();
  (void)p, (void)context, (void)bytes, (void)len;
  if (log != NULL && log->closed) return;
  heard_ms = foal_sim_now_ms();
  sent_before = sent;
}

static void on_peer_ended(foal_sim_peer *p, void *context, bool reset)
{
  (void)p, (void)context, (void)reset;
  peer_ended = true;
  ended_ms = foal_sim_now_ms();
}

static const foal_sim_peer_events events = {
    .connected = on_connected, .received = on_peer_received, .ended = on_peer_ended};

/* ---- what goes on beside it ---- */

typedef struct ticker {
  uint32_t left;
} ticker;
FOAL_TAG(ticker)
FOAL_ACTOR(ticker)
FOAL_TIMER(ticker, tick)
FOAL_BEHAVIOUR0(ticker, go)

static void ticker_on_go(ticker *self)
{
  self->left = now == FLOODING ? FLOODS : 2 * LIMIT_MS_MAX / DRIP_MS + 20;
  ticker_on_tick(self);
}

static void ticker_on_tick(ticker *self)
{
  if (now == DRIPPING && !peer_ended && sent < sizeof hello)
    foal_sim_peer_send(peer, hello + sent++, 1);
  if (now == FLOODING && connected_ms != 0) flood();
  if (peer_ended || self->left-- == 0) {
    foal_actor_end(FOAL_ENDED);
  } else {
    (void)ticker_tick_after(self, now == FLOODING ? 10 : DRIP_MS);
  }
}

/* ---- the run ---- */

static bool start_peer(uint16_t port)
{
  ticker_tag tag;
  peer = foal_sim_peer_connect(port, &events, NULL);
  if (now != DRIPPING && now != FLOODING) return true;
  if (!ticker_spawn(&tag)) return false;
  ticker_go(tag);
  return true;
}

FOAL_TRUSTED static void set_idle(tip_log *log, foal_conn *conn)
{
  (void)log;
  foal_conn_idle(conn, limit_ms);
}

/* The peer is an end of ours, too. */
static void plan_pair(bool tls)
{
  bool clients = foal_sim_draw(2) == 0;
  tip_plan *subject = clients ? &client : &server, *other = clients ? &server : &client;
  if (tls) tip_draw_tls(&client, &server);
  client.habits = server.habits = TIP_LEAVES;
  other->then = TIP_STAY;
  subject->then = now == BUSY ? TIP_FINISH : TIP_STAY;
  subject->conn.idle_ms = now == LATE ? 0 : limit_ms;
  other->conn.idle_ms = 0;
  if (now == LATE) subject->opened = set_idle;
  if (now != BUSY) return;
  subject->habits = TIP_DRIPS;
  subject->pause_ms = limit_ms / 2;
  subject->chunk_max = 4;
  subject->send_bytes = foal_sim_size(60);
}

static bool is_paired(void)
{
  return now == IDLE || now == LATE || now == BUSY;
}

static void plan_server(void)
{
  server.habits = TIP_BLIND;
  if (now == SILENT || now == DRIPPING) {
    server.ctx = kit_context(KIT_SERVER);
    server.conn.handshake_ms = limit_ms;
  } else if (now == DEAF) {
    server.conn.write_ms = limit_ms;
    server.send_bytes = DEAF_BYTES;
    server.chunk_max = FLOOD_BYTES;
    if (foal_sim_draw(2) == 0) { /* who closes has a reason already: no other counts */
      server.then = TIP_CLOSE;
      server.habits |= TIP_PUSHES;
      server.chunk_max = DEAF_BYTES;
      server.conn.idle_ms = limit_ms / 2;
    }
  } else if (now == NEVER_ENDING || now == FLOODING) {
    server.then = TIP_CLOSE;
    server.send_bytes = foal_sim_size(FLOOD_BYTES);
    server.chunk_max = FLOOD_BYTES; /* at once */
    if (now == NEVER_ENDING) server.conn.linger_ms = limit_ms;
    if (now == FLOODING) server.conn.linger_bytes = LINGER_BYTES;
  }
}

static bool start(void)
{
  foal_listener listener;
  tip_begin();
  connected_ms = ended_ms = sent = heard_ms = sent_before = 0;
  peer_ended = false;
  peer = NULL;
  client = server = (tip_plan){.chunk_max = 1, .conn.room_bytes = 4096};
  tip_be_patient(&client);
  tip_be_patient(&server);
  now = (time_case)foal_sim_draw(CASES);
  limit_ms = 500 + foal_sim_size(LIMIT_MS_MAX);
  /* Idle means idle: a network that sleeps for half a minute makes the busy idle. */
  if (now == BUSY) limit_ms += 2 * SLOW_MS;
  foal_sim_note("case %s, %u ms", names[now], limit_ms);
  foal_sim_mark(names[now]);
  if (is_paired()) {
    plan_pair(foal_sim_draw(2) == 0);
  } else {
    plan_server();
  }
  if (!tip_listen(&server, &listener)) return false;
  return is_paired() ? tip_dial(&client, listener.port) : start_peer(listener.port);
}

/* ---- what must have happened ---- */

static bool is_slow(void)
{
  return foal__sim_fired(FOAL__SIM_W_stall) || foal__sim_fired(FOAL__SIM_W_delay) ||
         foal__sim_fired(FOAL__SIM_W_window);
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

/* Not before the limit, and not after `until` when that is how long it may take. */
static void in_time(uint64_t from_ms, uint64_t to_ms, uint64_t until_ms)
{
  if (to_ms + EARLY_MS < from_ms + limit_ms || to_ms > until_ms)
    foal_sim_fail("%s: over after %llu ms, the limit was %u", names[now],
                  (unsigned long long)(to_ms - from_ms), limit_ms);
}

/* Every byte begins the idle time anew, and the last ones of the handshake may be long
 * under way; then it is said to the peer, who answers: two ends of a stream. */
static void idle_in_time(const tip_log *log)
{
  uint64_t from_ms = log->opened_ms;
  if (is_slow()) from_ms = later(from_ms, foal__sim_world.moved_ns / 1000000);
  in_time(log->opened_ms, log->closed_ms,
          from_ms + limit_ms + (is_slow() ? SLOW_MS : SLACK_MS));
}

/* The time begins when the system has taken what was written: at the latest with the
 * last piece that the peer heard before it was over. */
static void linger_in_time(const tip_log *log)
{
  in_time(log->opened_ms, log->closed_ms,
          later(log->opened_ms, heard_ms) + limit_ms + SLACK_MS);
}

static void check_pair(void)
{
  FOAL_SIM_CHECK(tip_count() == 2);
  for (uint32_t i = 0; i < 2; i++) {
    const tip_log *log = tip_at(i);
    bool subject = log->plan->conn.idle_ms != 0 || log->plan->opened != NULL;
    if (now == BUSY || !subject) {
      FOAL_SIM_CHECK(log->why == FOAL_CLEAN);
    } else {
      FOAL_SIM_CHECK(log->why == FOAL_TIMEOUT_IDLE);
      idle_in_time(log);
    }
  }
}

static void check_peer(void)
{
  static const foal_err whys[CASES] = {[SILENT] = FOAL_TIMEOUT_HANDSHAKE,
                                       [DRIPPING] = FOAL_TIMEOUT_HANDSHAKE,
                                       [DEAF] = FOAL_TIMEOUT_WRITE,
                                       [NEVER_ENDING] = FOAL_LOCAL,
                                       [FLOODING] = FOAL_LOCAL};
  const tip_log *log = server_log();
  if (log != NULL) FOAL_SIM_CHECK(log->why == whys[now]);
  if (now == SILENT || now == DRIPPING) {
    FOAL_SIM_CHECK(peer_ended);
    in_time(connected_ms, ended_ms,
            connected_ms + limit_ms + (is_slow() ? SLOW_MS : SLACK_MS));
    return;
  }
  FOAL_SIM_CHECK(log != NULL);
  if (now == NEVER_ENDING) linger_in_time(log);
  if (now == DEAF) FOAL_SIM_CHECK(log->closed_ms + EARLY_MS >= log->opened_ms + limit_ms);
  foal_counters c;
  foal_counters_read(&c);
  /* Until everything we wrote was taken, we read whatever comes. */
  if (now == FLOODING) FOAL_SIM_CHECK(c.bytes_in < (int64_t)sent_before + FLOOD_READ_MAX);
}

static void check(void)
{
  tip_check(false);
  if (kit_trouble() == 0) {
    if (is_paired())
      check_pair();
    else
      check_peer();
  }
  tip_begin();
}

static const char *const marks[] = {"silent", "dripping",     "idle",     "late", "busy",
                                    "deaf",   "never_ending", "flooding", NULL};

const foal_scenario net_time = {
    .name = "net_time",
    .about = "every time-out and bound of a connection ends it in time",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
    .steps_max = STEPS_MAX,
};
