/* net_listen.c - a listener with a cap, and listeners that come, change and go.
 *
 * net_cap: more strangers than connections_max; never more than that are open at any
 * step, and in the end each has been served, whatever was short meanwhile. net_churn,
 * tls_churn: many short connections to two listeners, one of which closes on the way,
 * while the context is exchanged and the program may be told to end; nothing is left.  */
#include "net_tip.h"

#include "scenarios.h"

enum { PEERS_MAX = 40, CAP_MAX = 4, BYTES_MAX = 2000, SPREAD_MS = 200 };
enum { CHURN_MAX = 150, CHURN_BYTES = 300, RELOADS_MAX = 12 };

static tip_plan client, server, second;

/* ---- strangers ---- */

typedef struct stranger {
  uint32_t id, want, got;
  bool connected, ended, reset;
} stranger;

static stranger strangers[PEERS_MAX];
static uint32_t strangers_count;

static void on_connected(foal_sim_peer *peer, void *context)
{
  stranger *s = context;
  uint8_t bytes[BYTES_MAX];
  s->connected = true;
  foal_sim_stream(s->id, 0, bytes, s->want);
  foal_sim_peer_send(peer, bytes, s->want);
  foal_sim_peer_finish(peer);
}

static void on_received(foal_sim_peer *peer, void *context, const uint8_t *bytes,
                        size_t len)
{
  stranger *s = context;
  (void)peer;
  FOAL_SIM_CHECK(s->connected && !s->ended && s->got + len <= s->want);
  FOAL_SIM_CHECK(foal_sim_stream_is(s->id, s->got, bytes, len));
  s->got += (uint32_t)len;
}

static void on_ended(foal_sim_peer *peer, void *context, bool reset)
{
  stranger *s = context;
  (void)peer;
  s->ended = true;
  s->reset = reset;
}

static const foal_sim_peer_events events = {
    .connected = on_connected, .received = on_received, .ended = on_ended};

static void count_open(tip_log *log, foal_conn *conn)
{
  foal_counters c;
  (void)conn;
  foal_counters_read(&c);
  int64_t open = c.accepted - c.closed;
  FOAL_SIM_CHECK(open >= 0 && open <= log->plan->keep);
  if (open == log->plan->keep) foal_sim_mark("full");
}

typedef struct crowd {
  uint32_t left;
  uint16_t port;
} crowd;
FOAL_TAG(crowd)
FOAL_ACTOR(crowd)
FOAL_TIMER(crowd, more)
FOAL_BEHAVIOUR2(crowd, go, uint32_t, count, uint16_t, port)

static void crowd_on_go(crowd *self, uint32_t count, uint16_t port)
{
  self->left = count;
  self->port = port;
  crowd_on_more(self);
}

static void crowd_on_more(crowd *self)
{
  uint32_t n = foal_sim_size(self->left);
  self->left -= n;
  for (; n > 0; n--) {
    stranger *s = &strangers[strangers_count++];
    *s = (stranger){.id = strangers_count, .want = foal_sim_size(BYTES_MAX)};
    (void)foal_sim_peer_connect(self->port, &events, s);
  }
  if (self->left == 0)
    foal_actor_end(FOAL_ENDED);
  else
    (void)crowd_more_after(self, foal_sim_draw(SPREAD_MS));
}

static bool start_cap(void)
{
  foal_listener listener;
  crowd_tag tag;
  tip_begin();
  strangers_count = 0;
  server = (tip_plan){.echo = true, .opened = count_open, .habits = TIP_BLIND};
  tip_draw(&server, 1);
  server.habits = (server.habits & ~(uint32_t)TIP_EXPECTS) | TIP_BLIND;
  server.keep = 1 + foal_sim_draw(CAP_MAX);
  if (!tip_listen(&server, &listener)) return false;
  if (!crowd_spawn(&tag)) return false;
  crowd_go(tag, foal_sim_size(PEERS_MAX), listener.port);
  return true;
}

static void check_cap(void)
{
  tip_check(false);
  for (uint32_t i = 0; i < strangers_count; i++) {
    const stranger *s = &strangers[i];
    if ((kit_trouble() & ~KIT_BIT(accept_files)) != 0) continue;
    if (!s->connected) continue; /* the backlog was full for too long */
    FOAL_SIM_CHECK(s->ended && !s->reset && s->got == s->want);
  }
  tip_begin();
  strangers_count = 0;
}

/* ---- churn ---- */

typedef struct keeper {
  foal_listener first, other;
  uint32_t left;
} keeper;
FOAL_TAG(keeper)
FOAL_ACTOR(keeper)
FOAL_TIMER(keeper, turn)
FOAL_BEHAVIOUR1(keeper, first, foal_listener, listener)
FOAL_BEHAVIOUR1(keeper, other, foal_listener, listener)

static void keeper_on_first(keeper *self, foal_listener listener)
{
  self->first = listener;
}

static void keeper_on_other(keeper *self, foal_listener listener)
{
  self->other = listener;
  self->left = foal_sim_size(RELOADS_MAX);
  (void)keeper_turn_after(self, foal_sim_draw(SPREAD_MS));
}

static void keeper_on_turn(keeper *self)
{
  static const kit_ctx next[] = {KIT_SERVER, KIT_SERVER_OTHER, KIT_SERVER_P256};
  if (server.ctx != NULL) {
    foal_ssl_ctx *ctx = kit_context(next[foal_sim_draw(3)]);
    if (foal_listener_reload(self->first, ctx) == FOAL_OK) foal_sim_mark("reloaded");
  }
  if (--self->left > 0) {
    (void)keeper_turn_after(self, foal_sim_draw(SPREAD_MS));
    return;
  }
  foal_listener_close(self->other);
  if (foal_sim_draw(2) == 0) foal_listener_close(self->first);
  foal_actor_end(FOAL_ENDED);
}

static bool churn(bool tls)
{
  foal_listener first, other;
  keeper_tag tag;
  tip_begin();
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.echo = true};
  tip_draw(&client, CHURN_BYTES);
  tip_draw(&server, 1);
  if (tls) tip_draw_tls(&client, &server);
  if (tls && server.ctx == kit_context(KIT_SERVER_MUTUAL))
    server.ctx = kit_context(KIT_SERVER);
  second = server;
  server.keep = foal_sim_draw(2) == 0 ? 0 : foal_sim_size(CAP_MAX);
  if (!tip_listen(&server, &first) || !tip_listen(&second, &other)) return false;
  if (!keeper_spawn(&tag)) return false;
  keeper_first(tag, first);
  keeper_other(tag, other);
  uint32_t count = foal_sim_size(tls ? CHURN_MAX / 3 : CHURN_MAX);
  if (count >= CHURN_MAX / 4) foal_sim_mark("many");
  return tip_dial_many(&client, first.port, count, foal_sim_draw(SPREAD_MS)) &&
         tip_dial_many(&client, other.port, count / 4 + 1, foal_sim_draw(SPREAD_MS));
}

static bool start_net_churn(void)
{
  return churn(false);
}

static bool start_tls_churn(void)
{
  return churn(true);
}

/* A listener that closes refuses and resets whoever is not accepted yet. */
static void check_churn(void)
{
  tip_check(false);
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    if (kit_trouble() != 0 || log->stopping) continue;
    bool turned_away = log->why == FOAL_REFUSED || log->why == FOAL_RESET ||
                       log->why == FOAL_TRUNCATED || log->why == FOAL_STOPPED ||
                       log->why == FOAL_TIMEOUT_CONNECT; /* the backlog was full */
    if (turned_away) foal_sim_mark("turned_away");
    FOAL_SIM_CHECK(log->why == FOAL_CLEAN || (turned_away && log->partner == NULL));
  }
  tip_begin();
}

static const char *const cap_marks[] = {"full", NULL};
static const char *const churn_marks[] = {"many", "turned_away", NULL};
static const char *const tls_marks[] = {"many", "turned_away", "reloaded", NULL};

const foal_scenario net_cap = {
    .name = "net_cap",
    .about = "more strangers than a listener may have connections: all are served",
    .start = start_cap,
    .check = check_cap,
    .marks = cap_marks,
};

const foal_scenario net_churn = {
    .name = "net_churn",
    .about = "short connections to listeners that close, and a program that ends",
    .start = start_net_churn,
    .check = check_churn,
    .marks = churn_marks,
    .flags = FOAL_SIM_STOPS,
};

const foal_scenario tls_churn = {
    .name = "tls_churn",
    .about = "the same over TLS, while the context is exchanged",
    .prepare = kit_prepare,
    .start = start_tls_churn,
    .check = check_churn,
    .marks = tls_marks,
    .flags = FOAL_SIM_STOPS,
};
