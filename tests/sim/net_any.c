/* net_any.c - both ends call everything in conn.h at any time, in drawn order.
 *
 * In any handler, in behaviours that others or a timer send, many calls in one event,
 * before `opened`, after finish, close and abort, and in `closed`. The laws of conn.h and
 * protocol.h hold all the same: see net_any_check.c. After a while each end settles: it
 * unmutes itself, finishes, at once or when there is the room it waits for, and closes
 * when the peer has ended. From there on nothing of its own wakes it, so what the library
 * forgets to tell it stays untold, and the run is stuck. */
#include "net_any.h"

#include "scenarios.h"

#include <stdio.h>

enum {
  CLIENTS_MAX = 3,
  EVENTS_MAX = 300,
  ACTS_MAX = 6,
  TOTAL_BYTES_MAX = 400000,
  PIECE_BYTES_MAX = 60000,
  MUTED_MS_MAX = 40,
  MUTED_LONG_MS = 5000,
  DRIVE_MS_MAX = 30,
  POKES_MAX = 40,
  POKE_MS_MAX = 100,
  DRAIN_IN = 40,
  DRAIN_POKES = 20, /* so that there is much to do just then */
  ROOM_BYTES_MAX = 40000,
  DEAL_BYTES_MAX = 3000
};

typedef struct wild {
  foal_conn *conn FOAL_REF;
  any_log *log;
  bool waking; /* a timer will unmute */
} wild;
FOAL_TAG(wild)
FOAL_PROTOCOL_RECEIPTS(wild)
FOAL_STAGE_RECEIPTS(wild, tame)
FOAL_STAGE(wild, deaf)
FOAL_TIMER(wild, settle)
FOAL_TIMER(wild, wake)
FOAL_TIMER(wild, drive)
FOAL_BEHAVIOUR0(wild, poke)

static const char client_role, server_role;
static wild_tag tags[ANY_LOGS_MAX];
static uint32_t tag_count;

/* ---- acts that need the actor ---- */

static void become(wild *self) FOAL_TURN;
static void become(wild *self)
{
  any_log *log = self->log;
  log->manner = (any_manner)foal_sim_draw(ANY_MANNERS);
  switch ((int)log->manner) {
  case ANY_WILD:
    wild_become(self->conn);
    break;
  case ANY_TAME:
    tame_become(self->conn);
    break;
  default:
    deaf_become(self->conn);
    log->given = log->accepted; /* what is owed is dropped */
    break;
  }
}

static void leave(wild *self) FOAL_TURN;
static void leave(wild *self)
{
  if (any_now.quit_in == 0 || foal_sim_draw(any_now.quit_in) > 0) return;
  any_leave(self->log, self->conn);
}

static void poke_one(wild *self) FOAL_TURN;
static void poke_one(wild *self)
{
  wild_tag to = tag_count > 0 ? tags[foal_sim_draw(tag_count)] : wild_self(self);
  wild_poke(foal_sim_draw(2) == 0 ? to : wild_self(self));
}

static void act_once(wild *self, bool receiving) FOAL_TURN;
static void act_once(wild *self, bool receiving)
{
  switch (foal_sim_draw(12)) {
  case 0:
    become(self);
    break;
  case 1:
    leave(self);
    break;
  case 2:
    if (!self->log->settled) poke_one(self);
    break;
  case 3:
    if (!any_now.drains || foal_sim_draw(DRAIN_IN) > 0) break;
    any_now.drained = true;
    for (int i = 0; i < DRAIN_POKES; i++) poke_one(self);
    foal_drain();
    break;
  default:
    any_act(self->log, self->conn, receiving);
  }
  if (!self->log->muted || self->waking) return;
  self->waking = true;
  uint32_t long_ms = foal_sim_draw(8) == 0 ? MUTED_LONG_MS : MUTED_MS_MAX;
  (void)wild_wake_after(self, foal_sim_draw(long_ms));
}

/* From here on it only waits for what was promised. */
static void calm_down(wild *self) FOAL_TURN;
static void calm_down(wild *self)
{
  any_log *log = self->log;
  log->settled = true;
  if (log->muted) any_unmute(log, self->conn);
  if (log->expect != 0) any_expect(log, self->conn, 0);
  any_deal(log, self->conn);
  /* Both have finished: it closes by itself. */
  if (log->stopping || (log->ended && !any_now.impatient))
    any_close(log, self->conn);
  else if (!log->blocked || any_now.impatient)
    any_finish(log, self->conn);
}

static void act(wild *self, bool receiving) FOAL_TURN;
static void act(wild *self, bool receiving)
{
  any_log *log = self->log;
  if (log->settled || ++log->events > EVENTS_MAX) {
    calm_down(self);
    return;
  }
  if (foal_sim_draw(2) == 0) any_deal(log, self->conn);
  for (uint32_t i = foal_sim_draw(any_now.acts_max + 1); i > 0; i--)
    act_once(self, receiving);
  any_deal(log, self->conn);
  any_check_event(log, self->conn);
}

/* ---- events ---- */

/* NULL: one too many. */
static any_log *log_of(wild *self) FOAL_TURN;
static any_log *log_of(wild *self)
{
  if (self->log != NULL) return self->log;
  self->conn = wild_conn(self);
  self->log = any_log_new(foal_conn_context(self->conn) == &server_role);
  if (self->log == NULL) foal_sim_fail("too many ends");
  return self->log;
}

static any_log *hears(wild *self, any_manner manner) FOAL_TURN;
static any_log *hears(wild *self, any_manner manner)
{
  any_log *log = log_of(self);
  any_check_event(log, self->conn);
  FOAL_SIM_CHECK(log->manner == manner);
  return log;
}

static bool is_silent(const any_log *log)
{
  return log->shut || log->aborted || log->limited || log->stage == ANY_NEW;
}

static void opened(wild *self, foal_conn *conn, any_manner manner) FOAL_TURN;
static void opened(wild *self, foal_conn *conn, any_manner manner)
{
  any_log *log = hears(self, manner);
  bool first = log->stage == ANY_NEW;
  FOAL_SIM_CHECK(conn == self->conn);
  if (first) {
    (void)foal_conn_local(conn, log->local, sizeof log->local);
    snprintf(log->peer, sizeof log->peer, "%s", foal_conn_peer(conn));
    if (log->server && tag_count < ANY_LOGS_MAX) tags[tag_count++] = wild_self(self);
    static const uint32_t after_ms[] = {1, 20, 200, 3000, 60000};
    (void)wild_settle_after(self, foal_sim_draw(after_ms[foal_sim_draw(5)]));
    wild_drive(wild_self(self));
  }
  any_check_opened(log, conn);
  log->opened_ms = foal_sim_now_ms();
  log->stage = foal_conn_ssl(conn) != NULL ? ANY_SECURE : ANY_PLAIN;
  act(self, false);
}

static void received(wild *self, foal_buf **data, any_manner manner)
    FOAL_TURN FOAL_TAKES(*data);
static void received(wild *self, foal_buf **data, any_manner manner)
{
  any_log *log = hears(self, manner);
  size_t len = foal_buf_len(*data);
  FOAL_SIM_CHECK(!is_silent(log) && log->stage != ANY_SHAKING && !log->ended);
  FOAL_SIM_CHECK(!log->muted && !log->held && !self->conn->yielded);
  FOAL_SIM_CHECK(len > 0 && (log->expect == 0 || log->expect == len));
  any_check_bytes(log, foal_buf_data(*data), len);
  foal_buf_drop(data);
  act(self, true);
}

static void sendable(wild *self, size_t room, any_manner manner) FOAL_TURN;
static void sendable(wild *self, size_t room, any_manner manner)
{
  any_log *log = hears(self, manner);
  FOAL_SIM_CHECK(!is_silent(log) && log->stage != ANY_SHAKING && !log->finished);
  FOAL_SIM_CHECK(log->blocked && room > 0 && room == foal_conn_room(self->conn));
  log->blocked = log->held = false;
  foal_sim_mark("sendable");
  act(self, false);
}

static void ended(wild *self, foal_err why, any_manner manner) FOAL_TURN;
static void ended(wild *self, foal_err why, any_manner manner)
{
  any_log *log = hears(self, manner);
  FOAL_SIM_CHECK(!is_silent(log));
  if (why == FOAL_STOPPED) {
    FOAL_SIM_CHECK(!log->stopping);
    log->stopping = true;
    if (foal_sim_draw(2) == 0) any_close(log, self->conn);
  } else {
    FOAL_SIM_CHECK(!log->ended && log->stage != ANY_SHAKING && !log->muted);
    log->ended = true;
    any_check_ended(log, why);
  }
  act(self, false);
}

static void receipt(wild *self, uint64_t token, foal_err how, any_manner manner)
    FOAL_TURN;
static void receipt(wild *self, uint64_t token, foal_err how, any_manner manner)
{
  any_log *log = hears(self, manner);
  FOAL_SIM_CHECK(token == log->given && token < log->accepted);
  FOAL_SIM_CHECK(how != FOAL_OK || log->failed == 0);
  log->given++;
  if (how != FOAL_OK) {
    log->failed++;
    foal_sim_mark("not_sent");
  }
  if (how == FOAL_OK && foal_sim_draw(4) > 0) return; /* there are many */
  act(self, false);
}

static void closed(wild *self, foal_err why, any_manner manner) FOAL_TURN;
static void closed(wild *self, foal_err why, any_manner manner)
{
  any_log *log = hears(self, manner);
  FOAL_SIM_CHECK(log->given == log->accepted && why != FOAL_OK);
  FOAL_SIM_CHECK(why != FOAL_CLEAN || log->failed == 0 || log->aborted || log->left);
  log->closed = true;
  log->why = why;
  any_in_vain(log, self->conn);
  foal_sim_note("end %u closed: %s (%s)", log->id, foal_err_name(why),
                foal_conn_reason(self->conn));
}

static void wild_on_settle(wild *self)
{
  (void)hears(self, self->log->manner);
  calm_down(self);
}

static void wild_on_wake(wild *self)
{
  any_log *log = hears(self, self->log->manner);
  self->waking = false;
  if (log->muted) any_unmute(log, self->conn);
  act(self, false);
}

/* So that something happens. */
static void wild_on_drive(wild *self)
{
  any_log *log = hears(self, self->log->manner);
  if (log->settled) return;
  (void)wild_drive_after(self, foal_sim_draw(DRIVE_MS_MAX));
  act(self, false);
}

/* Also before `opened`. */
static void wild_on_poke(wild *self)
{
  (void)hears(self, log_of(self)->manner);
  foal_sim_mark("poked");
  act(self, false);
}

/* ---- the three sets of handlers ---- */

#define HANDLERS(P, MANNER)                                                              \
  static void P##_on_opened(wild *self, foal_conn *conn)                                 \
  {                                                                                      \
    opened(self, conn, MANNER);                                                          \
  }                                                                                      \
  static void P##_on_received(wild *self, foal_buf **data)                               \
  {                                                                                      \
    received(self, data, MANNER);                                                        \
  }                                                                                      \
  static void P##_on_sendable(wild *self, size_t room)                                   \
  {                                                                                      \
    sendable(self, room, MANNER);                                                        \
  }                                                                                      \
  static void P##_on_ended(wild *self, foal_err why)                                     \
  {                                                                                      \
    ended(self, why, MANNER);                                                            \
  }                                                                                      \
  static void P##_on_closed(wild *self, foal_err why)                                    \
  {                                                                                      \
    closed(self, why, MANNER);                                                           \
  }

HANDLERS(wild, ANY_WILD)
HANDLERS(tame, ANY_TAME)
HANDLERS(deaf, ANY_DEAF)

static void wild_on_receipt(wild *self, uint64_t token, foal_err how)
{
  receipt(self, token, how, ANY_WILD);
}

static void tame_on_receipt(wild *self, uint64_t token, foal_err how)
{
  receipt(self, token, how, ANY_TAME);
}

/* ---- the run ---- */

/* Somebody else who sends to them. */
typedef struct nagger {
  uint32_t left;
} nagger;
FOAL_TAG(nagger)
FOAL_ACTOR(nagger)
FOAL_TIMER(nagger, nag)

static void nagger_on_nag(nagger *self)
{
  if (self->left == 0) self->left = foal_sim_size(POKES_MAX);
  wild_tag to = {{0}};
  if (tag_count > 0) to = tags[foal_sim_draw(tag_count)];
  wild_poke(to);
  if (any_now.quit_in != 0 && any_now.told == FOAL_OK && foal_sim_draw(POKES_MAX) == 0) {
    any_now.told = FOAL_LIMIT;
    foal_actor_tell_end(to.any, any_now.told);
  }
  if (--self->left > 0)
    (void)nagger_nag_after(self, foal_sim_draw(POKE_MS_MAX));
  else
    foal_actor_end(FOAL_ENDED);
}

static void draw_plan(bool tls, bool upgrades)
{
  static const uint32_t close_in[] = {0, 0, 60, 600}, quit_in[] = {0, 0, 200, 900};
  any_plan *p = &any_now;
  any_begin();
  p->tls = tls;
  p->upgrades = upgrades;
  p->rash = foal_sim_draw(3) == 0;
  uint32_t bold = foal_sim_draw(5);
  p->bold[0] = bold == 0 || bold == 2;
  p->bold[1] = bold == 1 || bold == 2;
  p->short_linger = foal_sim_draw(6) == 0;
  p->idles = foal_sim_draw(6) == 0;
  p->impatient = foal_sim_draw(2) == 0;
  p->drains = foal_sim_draw(8) == 0;
  p->floods = foal_sim_draw(16) == 0;
  p->close_in = close_in[foal_sim_draw(4)];
  p->quit_in = quit_in[foal_sim_draw(4)];
  p->acts_max = 1 + foal_sim_draw(ACTS_MAX);
  p->write_bytes_max = foal_sim_size(PIECE_BYTES_MAX);
  p->total_bytes_max = 1 + foal_sim_draw(foal_sim_size(TOTAL_BYTES_MAX));
  p->deal_bytes[0] = foal_sim_size(DEAL_BYTES_MAX);
  p->deal_bytes[1] = foal_sim_size(DEAL_BYTES_MAX);
  foal_conn_options *o = &p->conn;
  o->connect_ms = o->handshake_ms = o->write_ms = o->linger_ms = ANY_PATIENCE_MS;
  o->idle_ms = 3 * ANY_PATIENCE_MS;
  o->linger_bytes = UINT32_MAX;
  if (p->short_linger) {
    o->linger_ms = foal_sim_size(100);
    o->linger_bytes = foal_sim_size(10000);
  }
  o->room_bytes = foal_sim_size(ROOM_BYTES_MAX);
  if (foal_sim_draw(4) == 0) o->queue_bytes_max = o->room_bytes + foal_sim_size(100000);
}

static bool begin(bool tls, bool upgrades)
{
  foal_listener listener;
  nagger_tag nag;
  tag_count = 0;
  draw_plan(tls, upgrades);
  foal_listen_options where = {.host = "127.0.0.1",
                               .ctx = tls ? kit_context(KIT_SERVER) : NULL,
                               .conn = any_now.conn};
  where.conn.context = &server_role;
  foal_err err = wild_listen(&where, &listener);
  FOAL_SIM_CHECK(err == FOAL_OK || err == FOAL_NO_MEMORY);
  if (err != FOAL_OK) return false;
  static const kit_ctx clients[] = {KIT_CLIENT_ANY, KIT_CLIENT_ANY, KIT_CLIENT_1_2};
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = listener.port,
                             .ctx = tls ? kit_context(clients[foal_sim_draw(3)]) : NULL,
                             .verify_name = "a.test",
                             .conn = any_now.conn};
  to.conn.context = &client_role;
  for (size_t i = foal_sim_size(CLIENTS_MAX); i > 0; i--) {
    if (!wild_connect(&to, &tags[tag_count])) break;
    tag_count++;
  }
  if (foal_sim_draw(2) == 0 && nagger_spawn(&nag)) nagger_nag(nag);
  return true;
}

static bool start_net(void)
{
  return begin(false, false);
}

static bool start_tls(void)
{
  return begin(true, false);
}

static bool start_upgrade(void)
{
  return begin(false, true);
}

static const char *const marks[] = {"poked",      "sendable",   "not_sent",   "all_there",
                                    "FOAL_CLEAN", "FOAL_LOCAL", "FOAL_RESET", NULL};
static const char *const tls_marks[] = {
    "poked", "sendable", "not_sent", "all_there", "key_update", "FOAL_CLEAN", NULL};
static const char *const upgrade_marks[] = {"poked",       "sendable",  "secure",
                                            "early_bytes", "all_there", NULL};

const foal_scenario net_any = {
    .name = "net_any",
    .about = "both ends call everything at any time",
    .prepare = kit_prepare,
    .start = start_net,
    .check = any_check_all,
    .marks = marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY,
};

const foal_scenario tls_any = {
    .name = "tls_any",
    .about = "the same over TLS",
    .prepare = kit_prepare,
    .start = start_tls,
    .check = any_check_all,
    .marks = tls_marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY | FOAL_SIM_CORRUPTS,
};

const foal_scenario tls_any_upgrade = {
    .name = "tls_any_upgrade",
    .about = "the same while plain connections turn into TLS",
    .prepare = kit_prepare,
    .start = start_upgrade,
    .check = any_check_all,
    .marks = upgrade_marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY | FOAL_SIM_CORRUPTS,
};
