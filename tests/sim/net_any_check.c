/* net_any_check.c - what must hold for ends that call anything at any time.
 *
 * In every event: memory is bounded. When bytes come: they are those of the peer, at this
 * place; in plain something else can only follow where the peer went over to TLS alone.
 * When the peer has ended: nothing is missing. When all is over: each end closed for a
 * reason that what both have done allows, and for no other. */
#include "net_any.h"

#include <string.h>

enum {
  READ_BYTES_MAX = 65536,
  SOON_MS = 1000,
  UNCONSUMED_MAX = FOAL__WINDOW_BYTES + READ_BYTES_MAX,
  EXPECT_MAX = 65536,
  IN_BYTES_MAX = UNCONSUMED_MAX + EXPECT_MAX
};

any_plan any_now;
static any_log logs[ANY_LOGS_MAX];
static uint32_t log_count;

void any_begin(void)
{
  log_count = 0;
  any_now = (any_plan){0};
}

uint32_t any_count(void)
{
  return log_count;
}

any_log *any_at(uint32_t i)
{
  return &logs[i];
}

any_log *any_log_new(bool server)
{
  if (log_count == ANY_LOGS_MAX) return NULL;
  any_log *log = &logs[log_count];
  *log = (any_log){.id = log_count++, .server = server};
  return log;
}

any_log *any_partner(any_log *log)
{
  if (log->partner != NULL) return log->partner;
  const char *client = log->server ? log->peer : log->local;
  for (uint32_t i = 0; i < log_count && client[0] != '\0'; i++) {
    any_log *other = &logs[i];
    if (other->server == log->server) continue;
    if (strcmp(client, other->server ? other->peer : other->local) != 0) continue;
    FOAL_SIM_CHECK(other->partner == NULL);
    log->partner = other;
    other->partner = log;
  }
  return log->partner;
}

/* ---- in events ---- */

/* A while after foal_conn_mute nothing is read any more. */
static void check_muted(any_log *log, const foal_conn *conn) FOAL_TURN;
static void check_muted(any_log *log, const foal_conn *conn)
{
  uint64_t now_ms = foal_sim_now_ms();
  if (!log->muted || conn->phase != FOAL__CONN_OPEN) {
    log->muted_ms = 0;
  } else if (log->muted_ms == 0) {
    log->muted_ms = now_ms;
    log->muted_bytes = SIZE_MAX;
  } else if (now_ms > log->muted_ms + SOON_MS) {
    if (log->muted_bytes != SIZE_MAX) foal_sim_mark("deaf_for_long");
    FOAL_SIM_CHECK(conn->unconsumed <= log->muted_bytes);
    log->muted_bytes = conn->unconsumed;
  }
}

/* What has arrived and is wanted is delivered soon. */
static void check_delivery(any_log *log, const foal_conn *conn) FOAL_TURN;
static void check_delivery(any_log *log, const foal_conn *conn)
{
  uint64_t now_ms = foal_sim_now_ms(), got = log->got[0];
  size_t least = log->expect > 0 ? log->expect : 1;
  bool waits = conn->phase == FOAL__CONN_OPEN && !log->muted && !conn->held &&
               !log->ended && !log->left && foal_bufq_bytes(&conn->in) >= least;
  if (!waits || got != log->due_got || log->due_ms == 0) {
    log->due_ms = waits ? now_ms : 0;
    log->due_got = got;
  } else {
    FOAL_SIM_CHECK(now_ms <= log->due_ms + SOON_MS || log->garbage);
  }
}

/* Who is open when the program begins to end hears of it soon; a handshake is cut. */
static void check_stopping(const any_log *log, const foal_conn *conn) FOAL_TURN;
static void check_stopping(const any_log *log, const foal_conn *conn)
{
  if (!foal_draining()) return;
  if (any_now.drain_ms == 0) any_now.drain_ms = foal_sim_now_ms();
  bool open = (conn->phase == FOAL__CONN_OPEN || conn->phase == FOAL__CONN_HANDSHAKE) &&
              !log->left;
  if (!open || log->stopping || (kit_trouble() & KIT_BIT(memory)) != 0) return;
  uint64_t since_ms = any_now.drain_ms;
  if (since_ms < log->opened_ms) since_ms = log->opened_ms;
  FOAL_SIM_CHECK(foal_sim_now_ms() <= since_ms + SOON_MS);
}

void any_check_event(any_log *log, const foal_conn *conn)
{
  check_stopping(log, conn);
  check_muted(log, conn);
  check_delivery(log, conn);
  FOAL_SIM_CHECK(!log->closed);
  FOAL_SIM_CHECK(!any_open(conn) || foal__conn_bears(conn, 0));
  FOAL_SIM_CHECK(conn->unconsumed <= UNCONSUMED_MAX);
  FOAL_SIM_CHECK(foal_bufq_bytes(&conn->in) <= IN_BYTES_MAX);
}

void any_check_opened(any_log *log, foal_conn *conn)
{
  bool tls = foal_conn_ssl(conn) != NULL;
  FOAL_SIM_CHECK(log->stage == ANY_NEW || (log->stage == ANY_SHAKING && tls));
  FOAL_SIM_CHECK(!log->shut && !log->aborted && !log->ended);
  FOAL_SIM_CHECK(log->stage == ANY_SHAKING || tls == any_now.tls);
  const any_log *peer = any_partner(log);
  if (log->stage != ANY_SHAKING || peer == NULL || (kit_trouble() & KIT_FORGED) != 0)
    return;
  /* A handshake that succeeds has nothing in plain on its way any more. */
  FOAL_SIM_CHECK(peer->upgraded && log->got[0] == peer->written[0]);
  foal_sim_mark("secure");
}

void any_check_bytes(any_log *log, const uint8_t *bytes, size_t len)
{
  const any_log *peer = any_partner(log);
  uint64_t trouble = kit_trouble(), *got = &log->got[any_secure(log)];
  bool secure = any_secure(log);
  if (peer == NULL) { /* its address was lost for want of memory */
    FOAL_SIM_CHECK((trouble & KIT_BIT(memory)) != 0);
    return;
  }
  if (!secure && (log->garbage || (trouble & KIT_FORGED) != 0)) return;
  size_t good = len;
  if (*got + len > peer->written[secure]) good = (size_t)(peer->written[secure] - *got);
  FOAL_SIM_CHECK(foal_sim_stream_is(2 * peer->id + secure, *got, bytes, good));
  *got += good;
  if (good == len) return;
  FOAL_SIM_CHECK(!secure && peer->upgraded);
  log->garbage = true;
}

static bool has_stopped(const any_log *log)
{
  return log->finished || log->shut || log->closed || log->left || log->idled ||
         any_now.told != FOAL_OK;
}

void any_check_ended(any_log *log, foal_err why)
{
  const any_log *peer = any_partner(log);
  bool secure = any_secure(log);
  uint64_t harm = KIT_FORGED | KIT_BIT(fin);
  FOAL_SIM_CHECK(why == FOAL_CLEAN || (why == FOAL_INCOMPLETE && log->expect > 1));
  if (peer == NULL || log->garbage) return;
  if (!secure && ((kit_trouble() & harm) != 0 || peer->upgraded)) return;
  FOAL_SIM_CHECK(has_stopped(peer));
  uint64_t missing = peer->written[secure] - log->got[secure];
  FOAL_SIM_CHECK(why == FOAL_CLEAN ? missing == 0 : missing > 0 && missing < log->expect);
  foal_sim_mark("all_there");
}

/* ---- when all is over ---- */

#define BIT(err) (UINT64_C(1) << (err))

static bool gave_up(const any_log *log)
{
  return log->aborted || log->left || log->limited || log->early ||
         any_now.told != FOAL_OK;
}

/* Whether the two cannot have understood each other. */
static bool mixed(const any_log *log, const any_log *peer)
{
  if (log->upgraded != peer->upgraded) return true;
  return log->upgraded && (log->stage != ANY_SECURE || peer->stage != ANY_SECURE);
}

static uint64_t own_reasons(const any_log *log)
{
  uint64_t set = 0;
  if (log->aborted) set |= BIT(log->abort_why);
  if (log->left) set |= BIT(log->left_why);
  if (any_now.told != FOAL_OK) set |= BIT(any_now.told);
  if (log->early) set |= BIT(FOAL_LOCAL);
  if (log->idled) set |= BIT(FOAL_TIMEOUT_IDLE);
  if (log->limited) set |= BIT(FOAL_LIMIT);
  if (log->finished || log->shut) set |= BIT(FOAL_CLEAN);
  return set;
}

static uint64_t reasons(const any_log *log, const any_log *peer)
{
  uint64_t set = own_reasons(log);
  bool tls = any_now.tls || log->upgraded;
  bool cut = peer == NULL || gave_up(peer) || mixed(log, peer) || any_now.short_linger;
  bool both_bold = any_now.bold[0] && any_now.bold[1];
  if (both_bold) set |= BIT(FOAL_TIMEOUT_WRITE);
  if (cut || both_bold) set |= BIT(FOAL_RESET) | BIT(FOAL_IO);
  if ((cut || both_bold) && tls) set |= BIT(FOAL_TRUNCATED);
  if ((cut || both_bold) && log->shut) set |= BIT(FOAL_LOCAL);
  if (peer == NULL || mixed(log, peer)) {
    set |= BIT(FOAL_LOCAL);
    if (log->upgraded)
      set |= BIT(FOAL_TLS_FAILED) | BIT(FOAL_TLS_ALERT) | BIT(FOAL_TIMEOUT_HANDSHAKE);
  }
  if (tls && peer != NULL && peer->early) set |= BIT(FOAL_TLS_ALERT);
  return set;
}

static void check_reason(any_log *log)
{
  const any_log *peer = any_partner(log);
  if (kit_trouble() != 0) return;
  if (log->stopping || any_now.drained) return;
  uint64_t set = reasons(log, peer);
  foal_sim_note("end %u (server %d, peer %d): stage %d, finished %d shut %d early %d "
                "aborted %d left %d limited %d idled %d upgraded %d ended %d: %s",
                log->id, log->server, peer != NULL ? (int)peer->id : -1, (int)log->stage,
                log->finished, log->shut, log->early, log->aborted, log->left,
                log->limited, log->idled, log->upgraded, log->ended,
                foal_err_name(log->why));
  if ((set & BIT(log->why)) == 0)
    foal_sim_fail("end %u closed with %s, none of %llx", log->id, foal_err_name(log->why),
                  (unsigned long long)set);
  foal_sim_mark(foal_err_name(log->why));
}

/* Who was not disturbed and stayed until the peer had ended has heard that it has. */
static void check_calm(any_log *log)
{
  const any_log *peer = any_partner(log);
  bool calm = kit_trouble() == 0 && !any_now.drained && peer != NULL && !gave_up(log) &&
              !gave_up(peer) && !mixed(log, peer) && !any_now.short_linger &&
              !log->idled && !peer->idled;
  if (!calm || log->why != FOAL_CLEAN) return;
  FOAL_SIM_CHECK(log->failed == 0);
  FOAL_SIM_CHECK(log->ended || log->shut);
}

void any_check_all(void)
{
  for (uint32_t i = 0; i < log_count; i++) {
    FOAL_SIM_CHECK(logs[i].closed);
    check_reason(&logs[i]);
    check_calm(&logs[i]);
  }
  FOAL_SIM_CHECK(foal_ssl_live_count() == 0);
  log_count = 0;
}
