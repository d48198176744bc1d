/* net_upgrade.c - receipts for what is sent, and plain connections that turn into TLS.
 *
 * A client sends a request, the server answers and both go over to TLS (or stay plain),
 * where each sends a stream of its own; they yield, change their handlers and give up at
 * any event. Every accepted piece gets one receipt, in order and before `closed`, and
 * none with FOAL_OK follows one without. Some clients are attackers who send more behind
 * their request: no byte of that is ever taken for something that came over TLS. */
#include "kit.h"
#include "scenarios.h"

#include <stdio.h>
#include <string.h>

enum {
  CLIENTS_MAX = 4,
  REQUEST_BYTES_MAX = 20000,
  ANSWER_BYTES_MAX = 60000,
  STREAM_BYTES_MAX = 200000,
  PIECE_BYTES_MAX = 30000,
  EXTRA_BYTES_MAX = 3000,
  QUIT_EVENTS_MAX = 30,
  LEGS_MAX = 64,
  OWED_MAX = 256,
  PATIENCE_MS = 7200000
};
typedef enum stage { PLAIN, UPGRADING, SECURE } stage;

/* What is known of one end; outlives its actor. */
typedef struct leg_log {
  bool server, taken, closed, failed, quit, ended, finished;
  stage stage;
  uint64_t written[3], got[3]; /* bytes by stage */
  uint64_t accepted, given;    /* receipts */
  uint64_t claimed[3];         /* bytes that have left, as the receipts say */
  struct {
    uint64_t end;
    stage stage;
  } owed[OWED_MAX]; /* by token */
  char local[FOAL_ADDR_TEXT_BYTES], peer[FOAL_ADDR_TEXT_BYTES];
  foal_err why;
  uint32_t events;
} leg_log;

typedef struct leg {
  foal_conn *conn FOAL_REF;
  leg_log *log;
} leg;
FOAL_TAG(leg)
FOAL_PROTOCOL_RECEIPTS(leg)
FOAL_STAGE_RECEIPTS(leg, vault)

static leg_log logs[LEGS_MAX];
static uint32_t log_count, quit_at;
static bool upgrades, attacks, exact;
static uint64_t request_bytes, answer_bytes, stream_bytes[2], extra_bytes;
static const char client_role, server_role;

static bool log_of(leg *self) FOAL_TURN;
static bool log_of(leg *self)
{
  if (self->log != NULL) return true;
  if (log_count == LEGS_MAX) return false;
  self->conn = leg_conn(self);
  self->log = &logs[log_count++];
  *self->log = (leg_log){.server = foal_conn_context(self->conn) == &server_role};
  return true;
}

/* How much this end sends in its present stage. */
static uint64_t wanted(const leg_log *log)
{
  if (log->stage == SECURE) return stream_bytes[log->server];
  if (!upgrades) return stream_bytes[log->server];
  return log->server ? answer_bytes : request_bytes;
}

static uint64_t stream_of(const leg_log *log, bool of_peer)
{
  bool server = log->server != of_peer;
  return 1 + (uint64_t)log->stage * 2 + server;
}

/* Gives up at one event of all, drawn once for the run. */
static bool gives_up(leg *self) FOAL_TURN;
static bool gives_up(leg *self)
{
  leg_log *log = self->log;
  log->events++;
  if (log->quit) return true;
  if (quit_at == 0 || log->events != quit_at) return false;
  log->quit = true;
  foal_sim_mark("quit");
  switch (foal_sim_draw(3)) {
  case 0:
    foal_conn_close(self->conn);
    break;
  case 1:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  default:
    foal_actor_end(FOAL_ENDED);
    break;
  }
  return true;
}

/* ---- writing ---- */

static bool piece(leg_log *log, foal_buf **out) FOAL_MAKES(*out);
static bool piece(leg_log *log, foal_buf **out)
{
  uint64_t left = wanted(log) - log->written[log->stage];
  size_t len = foal_sim_size(PIECE_BYTES_MAX);
  if (len > left) len = (size_t)left;
  if (foal_sim_draw(10) == 0) len = 0;
  if (!foal_buf_new(out, len == 0 ? 1 : len)) return false;
  foal_sim_stream(stream_of(log, false), log->written[log->stage], foal_buf_tail(*out),
                  len);
  foal_buf_extend(*out, len);
  return true;
}

static void upgrade(leg *self) FOAL_TURN;

static void pump(leg *self) FOAL_TURN;
static void pump(leg *self)
{
  leg_log *log = self->log;
  foal_buf *b;
  while (log->written[log->stage] < wanted(log) && foal_conn_room(self->conn) > 0) {
    if (!piece(log, &b)) {
      foal_conn_abort(self->conn, FOAL_NO_MEMORY);
      return;
    }
    size_t len = foal_buf_len(b);
    if (foal_sim_draw(4) == 0 || log->accepted - log->given == OWED_MAX) {
      foal_conn_write(self->conn, &b);
    } else {
      foal_err err = foal_conn_send(self->conn, &b, log->accepted);
      FOAL_SIM_CHECK(err == FOAL_OK || err == FOAL_NO_MEMORY);
      if (err != FOAL_OK) continue;
      log->owed[log->accepted % OWED_MAX].end = log->written[log->stage] + len;
      log->owed[log->accepted % OWED_MAX].stage = log->stage;
      log->accepted++;
    }
    log->written[log->stage] += len;
  }
  if (log->written[log->stage] < wanted(log)) return;
  if (upgrades && log->stage == PLAIN) {
    if (log->server) upgrade(self);
  } else if (!log->finished) {
    log->finished = true;
    foal_conn_finish(self->conn);
    if (log->ended) foal_conn_close(self->conn);
  }
}

static void attack(leg *self) FOAL_TURN;
static void attack(leg *self)
{
  foal_buf *b;
  if (!foal_buf_new(&b, extra_bytes)) {
    foal_conn_close(self->conn);
    return;
  }
  foal_buf_extend(b, extra_bytes);
  foal_conn_write(self->conn, &b);
  foal_conn_finish(self->conn);
}

static void upgrade(leg *self)
{
  leg_log *log = self->log;
  foal_ssl_ctx *ctx = kit_context(log->server ? KIT_SERVER : KIT_CLIENT_ANY);
  foal_conn_expect(self->conn, 0);
  foal_err err = foal_conn_start_tls(self->conn, ctx, "a.test");
  if (err != FOAL_OK) {
    FOAL_SIM_CHECK(err != FOAL_EARLY_BYTES || attacks || kit_trouble() != 0);
    if (err == FOAL_EARLY_BYTES) foal_sim_mark("early_bytes");
    foal_conn_abort(self->conn, err);
    return;
  }
  log->stage = UPGRADING;
  vault_become(self->conn);
  foal_buf *b;
  if (!foal_buf_new(&b, 1)) return;
  foal_buf_extend(b, 1);
  FOAL_SIM_CHECK(foal_conn_send(self->conn, &b, 0) == FOAL_BAD_STATE);
  FOAL_SIM_CHECK(foal_conn_room(self->conn) == 0);
  FOAL_SIM_CHECK(foal_conn_start_tls(self->conn, ctx, "a.test") == FOAL_BAD_STATE);
}

/* ---- plain ---- */

static void leg_on_opened(leg *self, foal_conn *conn)
{
  if (!log_of(self)) {
    foal_conn_abort(conn, FOAL_LOCAL);
    return;
  }
  FOAL_SIM_CHECK(foal_conn_ssl(conn) == NULL || !upgrades);
  size_t len = foal_conn_local(conn, self->log->local, sizeof self->log->local);
  FOAL_SIM_CHECK(len > 0 || kit_trouble() != 0);
  snprintf(self->log->peer, sizeof self->log->peer, "%s", foal_conn_peer(conn));
  if (gives_up(self)) return;
  if (upgrades && exact) {
    uint64_t bytes = self->log->server ? request_bytes : answer_bytes;
    foal_conn_expect(conn, (size_t)bytes);
  }
  if (!upgrades || !self->log->server) pump(self);
  if (attacks && !self->log->server) attack(self);
}

/* Compares, and whether it was good. */
static bool take(leg *self, foal_buf **data) FOAL_TURN FOAL_TAKES(*data);
static bool take(leg *self, foal_buf **data)
{
  leg_log *log = self->log;
  size_t len = foal_buf_len(*data);
  bool good = foal_sim_stream_is(stream_of(log, true), log->got[log->stage],
                                 foal_buf_data(*data), len);
  log->got[log->stage] += len;
  foal_buf_drop(data);
  return good;
}

static void leg_on_received(leg *self, foal_buf **data)
{
  leg_log *log = self->log;
  FOAL_SIM_CHECK(log != NULL && log->stage == PLAIN && !log->closed);
  bool good = take(self, data);
  uint64_t due = log->server ? request_bytes : answer_bytes;
  if (gives_up(self)) return;
  if (foal_sim_draw(4) == 0) foal_conn_yield(self->conn);
  if (attacks && !log->server) return;
  if (upgrades && log->got[PLAIN] > due) { /* behind the request, in one buffer with it */
    FOAL_SIM_CHECK(attacks || kit_trouble() != 0);
    foal_conn_abort(self->conn, FOAL_EARLY_BYTES);
  } else if (!good) {
    FOAL_SIM_CHECK((kit_trouble() & KIT_FORGED) != 0);
    foal_conn_abort(self->conn, FOAL_LOCAL);
  } else if (upgrades && log->got[PLAIN] == due) {
    if (log->server) pump(self);
    if (!log->server) upgrade(self);
  }
}

static void leg_on_sendable(leg *self, size_t room)
{
  FOAL_SIM_CHECK(room > 0 && !self->log->closed);
  if (!gives_up(self)) pump(self);
}

static void leg_on_ended(leg *self, foal_err why)
{
  FOAL_SIM_CHECK(!self->log->closed);
  if (gives_up(self)) return;
  self->log->ended = true;
  bool attacked = upgrades && self->log->stage == PLAIN;
  if (self->log->finished || why == FOAL_STOPPED || attacked) foal_conn_close(self->conn);
}

static void leg_on_receipt(leg *self, uint64_t token, foal_err how)
{
  leg_log *log = self->log;
  FOAL_SIM_CHECK(!log->closed && token == log->given && token < log->accepted);
  FOAL_SIM_CHECK(how != FOAL_OK || !log->failed);
  log->given++;
  if (how == FOAL_OK) {
    log->claimed[log->owed[token % OWED_MAX].stage] = log->owed[token % OWED_MAX].end;
  }
  if (how != FOAL_OK) {
    log->failed = true;
    foal_sim_mark("not_sent");
  } else if (!gives_up(self) && log->stage != UPGRADING) {
    pump(self);
  }
}

static void leg_on_closed(leg *self, foal_err why)
{
  if (!log_of(self)) return;
  leg_log *log = self->log;
  FOAL_SIM_CHECK(!log->closed && log->given == log->accepted);
  FOAL_SIM_CHECK(why != FOAL_CLEAN || !log->failed);
  log->closed = true;
  log->why = why;
}

/* ---- secure ---- */

static void vault_on_opened(leg *self, foal_conn *conn)
{
  FOAL_SIM_CHECK(self->log->stage == UPGRADING && foal_conn_ssl(conn) != NULL);
  FOAL_SIM_CHECK(!attacks);
  self->log->stage = SECURE;
  foal_sim_mark("secure");
  if (!gives_up(self)) pump(self);
}

static void vault_on_received(leg *self, foal_buf **data)
{
  FOAL_SIM_CHECK(self->log->stage == SECURE && !self->log->closed);
  FOAL_SIM_CHECK(take(self, data));
  if (!gives_up(self) && foal_sim_draw(4) == 0) foal_conn_yield(self->conn);
}

static void vault_on_sendable(leg *self, size_t room)
{
  leg_on_sendable(self, room);
}

static void vault_on_ended(leg *self, foal_err why)
{
  FOAL_SIM_CHECK(self->log->stage == SECURE);
  leg_on_ended(self, why);
}

static void vault_on_receipt(leg *self, uint64_t token, foal_err how)
{
  leg_on_receipt(self, token, how);
}

static void vault_on_closed(leg *self, foal_err why)
{
  leg_on_closed(self, why);
}

/* ---- the run ---- */

/* Time-outs that no trouble of the network reaches. */
static foal_conn_options patient(const char *role)
{
  return (foal_conn_options){.context = role,
                             .connect_ms = PATIENCE_MS,
                             .handshake_ms = PATIENCE_MS,
                             .idle_ms = PATIENCE_MS,
                             .write_ms = PATIENCE_MS,
                             .linger_ms = PATIENCE_MS};
}

static bool begin(bool tls)
{
  foal_listener listener;
  log_count = 0;
  attacks = upgrades && foal_sim_draw(4) == 0;
  exact = foal_sim_draw(2) == 0;
  quit_at = foal_sim_draw(3) == 0 ? (uint32_t)foal_sim_size(QUIT_EVENTS_MAX) : 0;
  request_bytes = foal_sim_size(REQUEST_BYTES_MAX);
  answer_bytes = foal_sim_size(ANSWER_BYTES_MAX);
  stream_bytes[0] = foal_sim_size(STREAM_BYTES_MAX);
  stream_bytes[1] = foal_sim_size(STREAM_BYTES_MAX);
  extra_bytes = foal_sim_size(EXTRA_BYTES_MAX);
  foal_listen_options where = {.host = "127.0.0.1",
                               .ctx = tls ? kit_context(KIT_SERVER) : NULL,
                               .conn = patient(&server_role)};
  foal_err err = leg_listen(&where, &listener);
  FOAL_SIM_CHECK(err == FOAL_OK || err == FOAL_NO_MEMORY);
  if (err != FOAL_OK) return false;
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = listener.port,
                             .ctx = tls ? kit_context(KIT_CLIENT_ANY) : NULL,
                             .verify_name = "a.test",
                             .conn = patient(&client_role)};
  for (size_t i = foal_sim_size(CLIENTS_MAX); i > 0; i--) {
    leg_tag tag;
    if (!leg_connect(&to, &tag)) break;
  }
  return true;
}

static bool start_plain(void)
{
  upgrades = false;
  return begin(false);
}

static bool start_tls(void)
{
  upgrades = false;
  return begin(true);
}

static bool start_upgrade(void)
{
  upgrades = true;
  return begin(false);
}

/* Without trouble, and when nobody gave up, all has arrived and all receipts are good. */
static void check_calm(const leg_log *log)
{
  FOAL_SIM_CHECK(log->why == FOAL_CLEAN && !log->failed);
  stage last = upgrades ? SECURE : PLAIN;
  FOAL_SIM_CHECK(log->stage == last && log->written[last] == wanted(log));
  FOAL_SIM_CHECK(log->got[last] == stream_bytes[!log->server]);
  foal_sim_mark("all_sent");
}

/* Who hears the alert of a failed session has heard everything in front of it: a receipt
 * for more was a lie. */
static void check_claims(const leg_log *log)
{
  for (uint32_t i = 0; i < log_count; i++) {
    const leg_log *peer = &logs[i];
    if (peer->server == log->server || peer->why != FOAL_TLS_ALERT || peer->quit)
      continue;
    const char *client = log->server ? log->peer : log->local;
    if (strcmp(client, peer->server ? peer->peer : peer->local) != 0) continue;
    if (client[0] == '\0') continue;
    FOAL_SIM_CHECK(log->claimed[PLAIN] <= peer->got[PLAIN]);
    FOAL_SIM_CHECK(log->claimed[SECURE] <= peer->got[SECURE]);
    foal_sim_mark("claims");
  }
}

static void check(void)
{
  bool calm = kit_trouble() == 0 && !attacks;
  for (uint32_t i = 0; i < log_count; i++) {
    FOAL_SIM_CHECK(logs[i].closed);
    check_claims(&logs[i]);
    if (logs[i].quit) calm = false;
  }
  for (uint32_t i = 0; i < log_count && calm; i++) check_calm(&logs[i]);
  log_count = 0;
}

static const char *const marks[] = {"all_sent", "not_sent", "quit", NULL};
static const char *const upgrade_marks[] = {"all_sent", "not_sent",    "quit",
                                            "secure",   "early_bytes", NULL};

const foal_scenario net_receipts = {
    .name = "net_receipts",
    .about = "one receipt for every piece, while ends give up at any event",
    .start = start_plain,
    .check = check,
    .marks = marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY,
};

const foal_scenario tls_receipts = {
    .name = "tls_receipts",
    .about = "the same over TLS",
    .prepare = kit_prepare,
    .start = start_tls,
    .check = check,
    .marks = marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY | FOAL_SIM_CORRUPTS,
};

const foal_scenario tls_upgrade = {
    .name = "tls_upgrade",
    .about = "plain connections turn into TLS, and attackers put bytes in front",
    .prepare = kit_prepare,
    .start = start_upgrade,
    .check = check,
    .marks = upgrade_marks,
    .flags = FOAL_SIM_STOPS | FOAL_SIM_MEMORY | FOAL_SIM_CORRUPTS,
};
