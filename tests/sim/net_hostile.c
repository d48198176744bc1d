/* net_hostile.c - strangers that send what no honest peer sends, next to honest clients.
 *
 * Strangers connect to a TLS server and send noise, HTTP, half a ClientHello, a recorded
 * first flight, floods of empty or warning records, and then finish, reset, or stay. None
 * may get `opened`, each is closed in bounded time for a reason of TLS, and the honest
 * clients beside them do not notice. */
#include "net_tip.h"

#include "scenarios.h"

#include <string.h>

enum { HONEST_MAX = 4, STRANGERS_MAX = 6, BYTES_MAX = 5000, SPREAD_MS = 30 };
enum { RECORDED_MAX = 4096, NOISE_MAX = 40000, HANDSHAKE_MS = 60000, FLOOD = 3000 };

typedef enum kind {
  NOISE,    /* any bytes */
  HTTP,     /* a request without TLS */
  HALF,     /* the beginning of a ClientHello */
  EMPTY,    /* handshake records without content */
  WARNINGS, /* warning alerts, for ever */
  REPLAY,   /* a first flight that was heard before, and noise behind it */
  HUGE,     /* a handshake message of 16 MiB is announced and never sent */
  MUTE,     /* nothing at all */
  KINDS
} kind;

typedef enum leave { STAYS, FINISHES, RESETS, LEAVES } leave;

typedef struct stranger {
  kind what;
  leave then;
  bool ended;
  uint64_t ended_ms, connected_ms;
} stranger;

static const char *const names[KINDS] = {"noise",    "http",   "half", "empty",
                                         "warnings", "replay", "huge", "mute"};
static stranger strangers[STRANGERS_MAX];
static uint8_t recorded[RECORDED_MAX];
static size_t recorded_len;
static tip_plan client, server, hostile;

/* ---- what they send ---- */

static void send_noise(foal_sim_peer *peer)
{
  uint8_t bytes[1024];
  for (uint32_t left = foal_sim_size(NOISE_MAX); left > 0;) {
    uint32_t n = left < sizeof bytes ? left : (uint32_t)sizeof bytes;
    foal_sim_stream(1000 + foal_sim_draw(1000), 0, bytes, n);
    foal_sim_peer_send(peer, bytes, n);
    left -= n;
  }
}

static void send_many(foal_sim_peer *peer, const uint8_t *record, size_t len)
{
  for (uint32_t n = foal_sim_size(FLOOD); n > 0; n--)
    foal_sim_peer_send(peer, record, len);
}

static void send_recorded(foal_sim_peer *peer)
{
  size_t len = recorded_len;
  if (len > 0 && foal_sim_draw(2) == 0) recorded[foal_sim_draw((uint32_t)len)] ^= 1;
  foal_sim_peer_send(peer, recorded, len);
  if (foal_sim_draw(2) == 0) send_noise(peer);
}

static void on_connected(foal_sim_peer *peer, void *context)
{
  static const char http[] = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  static const uint8_t empty[] = {22, 3, 3, 0, 0}, warning[] = {21, 3, 3, 0, 2, 1, 90};
  static const uint8_t huge[] = {22, 3, 1, 0, 4, 1, 255, 255, 255};
  stranger *s = context;
  s->connected_ms = foal_sim_now_ms();
  if (s->what == NOISE) send_noise(peer);
  if (s->what == HTTP) foal_sim_peer_send(peer, http, sizeof http - 1);
  if (s->what == HALF)
    foal_sim_peer_send(peer, recorded, foal_sim_draw((uint32_t)recorded_len + 1));
  if (s->what == EMPTY) send_many(peer, empty, sizeof empty);
  if (s->what == WARNINGS) send_many(peer, warning, sizeof warning);
  if (s->what == REPLAY) send_recorded(peer);
  if (s->what == HUGE) foal_sim_peer_send(peer, huge, sizeof huge);
  if (s->then == FINISHES) foal_sim_peer_finish(peer);
  if (s->then == RESETS) foal_sim_peer_reset(peer);
}

static void on_ended(foal_sim_peer *peer, void *context, bool reset)
{
  stranger *s = context;
  s->ended = true;
  s->ended_ms = foal_sim_now_ms();
  if (!reset && s->then == LEAVES) foal_sim_peer_finish(peer);
}

static const foal_sim_peer_events events = {.connected = on_connected, .ended = on_ended};

/* ---- the run ---- */

FOAL_TRUSTED static void must_not_open(tip_log *log, foal_conn *conn)
{
  (void)conn;
  foal_sim_fail("end %u opened for a stranger", log->id);
}

/* A ClientHello of our own, from a session that goes no further. */
typedef struct author {
  uint16_t port;
} author;
FOAL_TAG(author)
FOAL_ACTOR(author)
FOAL_BEHAVIOUR1(author, go, uint16_t, port)
static void author_on_go(author *self, uint16_t port)
{
  foal_buf *b;
  self->port = port;
  foal_ssl *s = foal_ssl_client(kit_context(KIT_CLIENT_ANY), "a.test");
  if (s != NULL && foal_ssl_send(s, &b)) {
    recorded_len = foal_buf_len(b);
    FOAL_SIM_CHECK(recorded_len <= RECORDED_MAX);
    memcpy(recorded, foal_buf_data(b), recorded_len);
    foal_buf_drop(&b);
  }
  foal_ssl_free(&s);
  uint32_t count = foal_sim_size(STRANGERS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    strangers[i] =
        (stranger){.what = (kind)foal_sim_draw(KINDS), .then = (leave)foal_sim_draw(4)};
    foal_sim_mark(names[strangers[i].what]);
    (void)foal_sim_peer_connect(port, &events, &strangers[i]);
  }
  foal_actor_end(FOAL_ENDED);
}

static bool start(void)
{
  foal_listener open, trap;
  author_tag tag;
  tip_begin();
  memset(strangers, 0, sizeof strangers);
  recorded_len = 0;
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.echo = true};
  tip_draw(&client, BYTES_MAX);
  tip_draw(&server, BYTES_MAX);
  client.habits &= ~(uint32_t)TIP_EXPECTS;
  server.habits &= ~(uint32_t)TIP_EXPECTS;
  tip_draw_tls(&client, &server);
  hostile = server;
  hostile.opened = must_not_open;
  hostile.conn.handshake_ms = HANDSHAKE_MS;
  hostile.conn.linger_ms = HANDSHAKE_MS;
  hostile.conn.linger_bytes = 0;
  hostile.keep = 1 + foal_sim_draw(STRANGERS_MAX);
  if (!tip_listen(&server, &open) || !tip_listen(&hostile, &trap)) return false;
  if (!author_spawn(&tag)) return false;
  author_go(tag, trap.port);
  return tip_dial_many(&client, open.port, foal_sim_size(HONEST_MAX), SPREAD_MS);
}

static bool is_of_tls(foal_err why)
{
  return why == FOAL_TLS_FAILED || why == FOAL_TLS_ALERT || why == FOAL_LIMIT ||
         why == FOAL_TRUNCATED || why == FOAL_RESET || why == FOAL_TIMEOUT_HANDSHAKE;
}

static void check(void)
{
  tip_check(false);
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    if (log->plan == &hostile) {
      FOAL_SIM_CHECK(is_of_tls(log->why) || kit_trouble() != 0);
      FOAL_SIM_CHECK(log->got == 0);
    } else if (kit_trouble() == 0) {
      FOAL_SIM_CHECK(log->why == FOAL_CLEAN && log->partner != NULL);
    }
  }
  for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
    const stranger *s = &strangers[i];
    if (s->connected_ms == 0 || s->then == RESETS || kit_trouble() != 0) continue;
    FOAL_SIM_CHECK(s->ended);
    /* Who is not let in yet waits for those who are. */
    uint32_t rounds = (STRANGERS_MAX + hostile.keep - 1) / hostile.keep;
    FOAL_SIM_CHECK(s->ended_ms - s->connected_ms < (2 + 2 * rounds) * HANDSHAKE_MS);
  }
  tip_begin();
}

static const char *const marks[] = {"noise",  "http", "half", "empty", "warnings",
                                    "replay", "huge", "mute", NULL};

const foal_scenario tls_hostile = {
    .name = "tls_hostile",
    .about = "strangers that send anything, next to honest clients",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
};
