/* net_cross.c - who speaks TLS and who does not, confused; and a certificate that expires
 * while the server runs.
 *
 * tls_cross: a plain client at a port for TLS, and TLS clients at a port without it whose
 * server sends back what comes, speaks first, says nothing, or hangs up. Nobody opens who
 * should not, the side that speaks TLS says why, and nobody waits longer than
 * handshake_ms; nor does a certificate do for an address that is not in it. tls_soon:
 * clients come before and after the end of the server's certificate, and after another
 * one was put in its place; the connections that were open go on. */
#include "net_tip.h"

#include "scenarios.h"

typedef enum cross {
  TO_TLS,    /* plain words at a port for TLS */
  TO_ECHO,   /* TLS at a plain port: the ClientHello comes back */
  TO_TALKER, /* ... a greeting comes */
  TO_MUTE,   /* ... nothing comes */
  TO_CLOSER, /* ... the end comes */
  TO_OTHER,  /* both speak TLS, but the certificate is not for that address */
  CROSSES
} cross;

enum {
  BYTES_MAX = 3000,
  CLIENTS_MAX = 3,
  SPREAD_MS = 20,
  LIMIT_MS_MAX = 60000,
  SLACK_MS = 2500,
  ALERT_BYTES = 7 /* a whole record with a fatal alert */
};
enum {
  SOON_CLIENTS = 4,
  MINUTE_MS = 60000,
  HOUR_MS = KIT_SOON_S * 1000, /* by the clock of the world, as the certificate's */
  AROUND_MS = 10 * MINUTE_MS,  /* nobody dials so near to a change */
  LONG_BYTES = 12,
  LONG_PAUSE_MS = 20 * MINUTE_MS
};

static const char *const names[CROSSES] = {"to_tls",  "to_echo",   "to_talker",
                                           "to_mute", "to_closer", "to_other"};
static cross now;
static uint32_t limit_ms;
static tip_plan client, server;

/* ---- tls_cross ---- */

static void plan_plain_server(void)
{
  client.ctx = kit_context(foal_sim_draw(2) == 0 ? KIT_CLIENT_1_2 : KIT_CLIENT_ANY);
  client.verify_name = "a.test";
  client.conn.handshake_ms = limit_ms;
  server.then = now == TO_TALKER ? TIP_FINISH : TIP_STAY;
  server.echo = now != TO_TALKER;
  if (now == TO_MUTE) server.habits |= TIP_DEAF;
  if (now == TO_CLOSER) {
    server.quit_on = TIP_ON_OPENED;
    server.quit_nth = 1;
    server.quit_how = TIP_QUIT_CLOSE;
  }
}

static bool start_cross(void)
{
  foal_listener listener;
  tip_begin();
  now = (cross)foal_sim_draw(CROSSES);
  limit_ms = 500 + foal_sim_size(LIMIT_MS_MAX);
  client = (tip_plan){.then = TIP_STAY, .habits = TIP_BLIND | TIP_LEAVES};
  server = client;
  client.chunk_max = server.chunk_max = BYTES_MAX;
  client.send_bytes = foal_sim_size(BYTES_MAX);
  server.send_bytes = foal_sim_size(BYTES_MAX);
  tip_be_patient(&client);
  tip_be_patient(&server);
  server.conn.idle_ms = 4 * LIMIT_MS_MAX; /* who is muted does not see the end */
  if (now == TO_TLS || now == TO_OTHER) {
    server.ctx = kit_context(KIT_SERVER);
    if (now == TO_OTHER) client.ctx = kit_context(KIT_CLIENT_ANY);
    client.verify_name = "192.0.2.1";
  } else {
    plan_plain_server();
  }
  foal_sim_note("case %s", names[now]);
  foal_sim_mark(names[now]);
  return tip_listen(&server, &listener) &&
         tip_dial_many(&client, listener.port, foal_sim_size(CLIENTS_MAX), SPREAD_MS);
}

static bool is_slow(void)
{
  return foal__sim_fired(FOAL__SIM_W_delay) || foal__sim_fired(FOAL__SIM_W_stall) ||
         foal__sim_fired(FOAL__SIM_W_window);
}

static void check_timeout(const tip_log *log)
{
  uint64_t took = log->closed_ms - log->dialed_ms;
  FOAL_SIM_CHECK(took + 3 >= limit_ms && (is_slow() || took <= limit_ms + SLACK_MS));
}

static void check_end(const tip_log *log)
{
  static const foal_err whys[CROSSES] = {FOAL_TLS_FAILED, FOAL_TLS_FAILED,
                                         FOAL_TLS_FAILED, FOAL_TIMEOUT_HANDSHAKE,
                                         FOAL_TRUNCATED,  FOAL_AUTH_FAILED};
  foal_err why = now == TO_OTHER && log->server ? FOAL_TLS_ALERT : whys[now];
  bool speaks_tls = log->plan->ctx != NULL;
  FOAL_SIM_CHECK((log->events[TIP_ON_OPENED] == 0) == speaks_tls);
  if (!speaks_tls) {
    bool ends = now == TO_MUTE ? log->why == FOAL_TIMEOUT_IDLE : log->why == FOAL_CLEAN;
    /* What comes when the time for the handshake is over is not read. */
    if (is_slow() && log->why == FOAL_RESET) ends = true;
    if (!ends) foal_sim_fail("plain %s: %s", names[now], foal_err_name(log->why));
    if (now == TO_TLS) FOAL_SIM_CHECK(log->got == 0 || log->got == ALERT_BYTES);
    return;
  }
  bool slowly = now != TO_MUTE && log->why == FOAL_TIMEOUT_HANDSHAKE && is_slow();
  if (log->why != why && !slowly)
    foal_sim_fail("%s: %s (%s)", names[now], foal_err_name(log->why), log->reason);
  if (now == TO_ECHO) FOAL_SIM_CHECK(slowly || log->alert_out >= 0);
  if (now == TO_MUTE) check_timeout(log);
}

static void check_cross(void)
{
  tip_check(false);
  for (uint32_t i = 0; i < tip_count() && kit_trouble() == 0; i++) check_end(tip_at(i));
  tip_begin();
}

/* ---- tls_soon ---- */

typedef struct guest {
  bool waits;
} guest;
FOAL_TAG(guest)
FOAL_ACTOR(guest)
FOAL_TIMER(guest, arrive)

typedef struct warden {
  foal_listener listener;
} warden;
FOAL_TAG(warden)
FOAL_ACTOR(warden)
FOAL_TIMER(warden, renew)
FOAL_BEHAVIOUR1(warden, go, foal_listener, listener)

static foal_ssl_ctx *soon;
static tip_plan lasting;
static uint16_t soon_port;
static uint64_t began_ms, renewed_ms;

static bool is_near(uint64_t a_ms, uint64_t b_ms)
{
  return a_ms + AROUND_MS > b_ms && a_ms < b_ms + AROUND_MS;
}

/* How long until a moment within three hours that is far from both changes. */
static uint32_t wait_ms(void)
{
  for (;;) {
    uint64_t at_ms = began_ms + foal_sim_draw(3 * HOUR_MS);
    if (!is_near(at_ms, HOUR_MS) && !is_near(at_ms, renewed_ms))
      return (uint32_t)(at_ms - began_ms);
  }
}

static void guest_on_arrive(guest *self)
{
  if (!self->waits) {
    self->waits = true;
    (void)guest_arrive_after(self, wait_ms());
    return;
  }
  (void)tip_dial(&client, soon_port);
  foal_actor_end(FOAL_ENDED);
}

static void warden_on_go(warden *self, foal_listener listener)
{
  self->listener = listener;
  (void)warden_renew_after(self, renewed_ms - began_ms);
}

static void warden_on_renew(warden *self)
{
  foal_err err = foal_listener_reload(self->listener, kit_context(KIT_SERVER));
  if (err == FOAL_OK) foal_sim_mark("renewed");
  foal_actor_end(FOAL_ENDED);
}

static bool start_soon(void)
{
  foal_listener listener;
  warden_tag tag;
  tip_begin();
  began_ms = foal_sim_now_ms();
  renewed_ms = HOUR_MS + AROUND_MS + foal_sim_draw(HOUR_MS);
  soon = kit_server_with(KIT_SOON);
  client = (tip_plan){.then = TIP_FINISH};
  server = (tip_plan){.echo = true};
  tip_draw(&client, LONG_BYTES);
  tip_draw(&server, LONG_BYTES);
  client.habits = server.habits = TIP_LEAVES;
  client.ctx = kit_context(foal_sim_draw(2) == 0 ? KIT_CLIENT_1_2 : KIT_CLIENT_1_3);
  client.verify_name = "a.test";
  server.ctx = soon;
  server.conn.idle_ms = 0;
  lasting = client; /* still open when the certificate is not good any more */
  lasting.habits |= TIP_DRIPS;
  lasting.pause_ms = LONG_PAUSE_MS;
  lasting.send_bytes = LONG_BYTES;
  lasting.chunk_max = 1;
  lasting.conn.idle_ms = 0;
  if (!tip_listen(&server, &listener) || !warden_spawn(&tag)) return false;
  warden_go(tag, listener);
  soon_port = listener.port;
  (void)tip_dial(&lasting, soon_port);
  for (int i = 0; i < SOON_CLIENTS; i++) {
    guest_tag one;
    if (!guest_spawn(&one)) return false;
    guest_arrive(one);
  }
  return true;
}

static void check_soon(void)
{
  foal_ssl_ctx_drop(&soon);
  tip_check(false);
  for (uint32_t i = 0; i < tip_count() && kit_trouble() == 0; i++) {
    const tip_log *log = tip_at(i);
    uint64_t ms = log->dialed_ms;
    bool good = ms < HOUR_MS || ms > renewed_ms;
    foal_err why = log->server ? FOAL_TLS_ALERT : FOAL_AUTH_FAILED;
    if (log->plan == &lasting && log->closed_ms > HOUR_MS) foal_sim_mark("lasted");
    if (!log->server) foal_sim_mark(good ? "good" : "expired");
    if (log->why != (good ? FOAL_CLEAN : why))
      foal_sim_fail("end %u after %llu s: %s (%s)", log->id,
                    (unsigned long long)ms / 1000, foal_err_name(log->why), log->reason);
  }
  tip_begin();
}

static const char *const cross_marks[] = {"to_tls",    "to_echo",  "to_talker", "to_mute",
                                          "to_closer", "to_other", NULL};
static const char *const soon_marks[] = {"good", "expired", "renewed", "lasted", NULL};

const foal_scenario tls_cross = {
    .name = "tls_cross",
    .about = "plain clients at a port for TLS, and the other way round",
    .prepare = kit_prepare,
    .start = start_cross,
    .check = check_cross,
    .marks = cross_marks,
};

const foal_scenario tls_soon = {
    .name = "tls_soon",
    .about = "a certificate that expires while clients come, and is renewed",
    .prepare = kit_prepare,
    .start = start_soon,
    .check = check_soon,
    .marks = soon_marks,
};
