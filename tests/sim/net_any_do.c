/* net_any_do.c - the calls of conn.h in drawn order, each with the answer it must give.
 *
 * Touches the connection of the turn it runs in and the log of that end. What a call
 * answers is computed before it is made; what it changes for the laws is noted in the
 * log. An end that is not bold writes only while there is room and never fills it up in
 * `received`: two ends that do so may wait for each other, as conn.h says. */
#include "net_any.h"

#include <string.h>

enum {
  PIECES_AT_ONCE = 5000,
  REKEYS_MAX = 12,
  SHORT_IDLE_MS = 50,
  LONG_IDLE_MS = 4 * ANY_PATIENCE_MS,
  SECONDS_MAX = 32767,
  EXPECT_MAX = 65536,
  BIG = 1 << 30
};

static bool out_of_memory(void)
{
  return (kit_trouble() & KIT_BIT(memory)) != 0;
}

/* ---- writing ---- */

/* How much it may write now. */
static size_t allowed(any_log *log, foal_conn *conn, bool receiving) FOAL_TURN;
static size_t allowed(any_log *log, foal_conn *conn, bool receiving)
{
  if (!any_open(conn) || any_now.bold[log->server]) return SIZE_MAX;
  size_t room = foal_conn_room(conn);
  if (room == 0) log->blocked = true;
  return room > 0 && receiving ? room - 1 : room;
}

static size_t drawn_length(void)
{
  switch (foal_sim_draw(6)) {
  case 0:
    return 0;
  case 1:
    return 1 + foal_sim_draw(any_now.write_bytes_max);
  default:
    return foal_sim_size(any_now.write_bytes_max < 3000 ? any_now.write_bytes_max : 3000);
  }
}

/* How much is left of what this end may send in its stage. */
static uint64_t wanted(const any_log *log)
{
  uint64_t most = any_now.total_bytes_max;
  if (any_now.upgrades && !any_now.rash && log->stage == ANY_PLAIN) {
    /* The server answers when it can go over at once. */
    most = log->server ? 0 : any_now.deal_bytes[0];
  }
  uint64_t written = log->written[any_secure(log)];
  return most > written ? most - written : 0;
}

static bool piece(any_log *log, size_t len, foal_buf **out) FOAL_MAKES(*out);
static bool piece(any_log *log, size_t len, foal_buf **out)
{
  bool secure = any_secure(log);
  if (!foal_buf_new(out, len == 0 ? 1 : len)) return false;
  foal_sim_stream(2 * log->id + secure, log->written[secure], foal_buf_tail(*out), len);
  foal_buf_extend(*out, len);
  return true;
}

static foal_err answer(const any_log *log, const foal_conn *conn, size_t len) FOAL_TURN;
static foal_err answer(const any_log *log, const foal_conn *conn, size_t len)
{
  if (!any_open(conn)) return FOAL_BAD_STATE;
  if (!foal__conn_bears(conn, len)) return FOAL_FULL;
  return log->accepted - log->given == FOAL_RECEIPTS_MAX ? FOAL_FULL : FOAL_OK;
}

/* Whether the bytes were accepted. */
static bool send_piece(any_log *log, foal_conn *conn, foal_buf **b)
    FOAL_TURN FOAL_TAKES(*b);
static bool send_piece(any_log *log, foal_conn *conn, foal_buf **b)
{
  foal_err must = answer(log, conn, foal_buf_len(*b));
  foal_err err = foal_conn_send(conn, b, log->accepted);
  FOAL_SIM_CHECK(err == must || (err == FOAL_NO_MEMORY && out_of_memory()));
  if (err == FOAL_FULL) foal_sim_mark("full");
  if (err == FOAL_OK) log->accepted++;
  return err == FOAL_OK;
}

static bool write_piece(any_log *log, foal_conn *conn, foal_buf **b)
    FOAL_TURN FOAL_TAKES(*b);
static bool write_piece(any_log *log, foal_conn *conn, foal_buf **b)
{
  size_t len = foal_buf_len(*b);
  bool open = any_open(conn), bears = open && foal__conn_bears(conn, len);
  foal_conn_write(conn, b);
  if (open && !bears && len > 0) {
    log->limited = true;
    foal_sim_mark("limited");
  }
  return bears;
}

static void write_some(any_log *log, foal_conn *conn, size_t len, bool receiving)
    FOAL_TURN;
static void write_some(any_log *log, foal_conn *conn, size_t len, bool receiving)
{
  foal_buf *b;
  if (!piece(log, len, &b)) return;
  bool sends = log->manner != ANY_DEAF && foal_sim_draw(2) == 0;
  bool accepted = sends ? send_piece(log, conn, &b) : write_piece(log, conn, &b);
  if (!accepted || len == 0) return;
  log->written[any_secure(log)] += len;
  log->rekeys = 0;
  if (foal_conn_room(conn) > 0) return;
  log->blocked = true;
  if (receiving) log->held = true;
}

static void act_write(any_log *log, foal_conn *conn, bool receiving) FOAL_TURN;
static void act_write(any_log *log, foal_conn *conn, bool receiving)
{
  size_t len = drawn_length(), most = allowed(log, conn, receiving);
  uint64_t left = wanted(log);
  if (log->settled) return;
  if (len > most) len = most;
  if (len > left) len = (size_t)left;
  write_some(log, conn, len, receiving);
}

static void act_flood(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_flood(any_log *log, foal_conn *conn)
{
  if (!any_now.floods || log->manner == ANY_DEAF || log->accepted > PIECES_AT_ONCE)
    return;
  for (uint32_t i = foal_sim_size(PIECES_AT_ONCE); i > 0; i--) {
    foal_buf *b;
    if (!foal_buf_new(&b, 1)) return;
    (void)send_piece(log, conn, &b);
  }
}

/* ---- ending ---- */

void any_finish(any_log *log, foal_conn *conn)
{
  bool open = any_open(conn);
  foal_conn_finish(conn);
  if (!open) return;
  log->finished = true;
  log->blocked = log->held = false;
  FOAL_SIM_CHECK(foal_conn_room(conn) == 0);
}

void any_close(any_log *log, foal_conn *conn)
{
  if (conn->phase < FOAL__CONN_CLOSING) {
    log->shut = true;
    log->early = log->stage == ANY_NEW || log->stage == ANY_SHAKING;
  }
  foal_conn_close(conn);
  FOAL_SIM_CHECK(foal_conn_room(conn) == 0);
}

void any_abort(any_log *log, foal_conn *conn)
{
  foal_err why = FOAL_LOCAL;
  if (foal_sim_draw(3) == 0) why = (foal_err)(1 + foal_sim_draw(FOAL_ERR_COUNT - 1));
  if (conn->phase < FOAL__CONN_ABORTED) {
    log->aborted = true;
    log->abort_why = conn->cause.err != FOAL_OK ? conn->cause.err : why;
  }
  foal_conn_abort(conn, why);
  FOAL_SIM_CHECK(foal_conn_room(conn) == 0);
}

void any_leave(any_log *log, foal_conn *conn)
{
  foal_err why = FOAL_ENDED;
  if (foal_sim_draw(3) == 0) why = (foal_err)(1 + foal_sim_draw(FOAL_ERR_COUNT - 1));
  foal_actor_end(why);
  if (log->left) return;
  log->left = true;
  log->left_why = why == FOAL_ENDED ? FOAL_LOCAL : why;
  if (conn->cause.err != FOAL_OK) log->left_why = conn->cause.err;
}

/* ---- reading ---- */

void any_unmute(any_log *log, foal_conn *conn)
{
  log->muted = false;
  foal_conn_unmute(conn);
}

void any_expect(any_log *log, foal_conn *conn, size_t bytes)
{
  log->expect = bytes;
  foal_conn_expect(conn, bytes);
}

static void act_expect(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_expect(any_log *log, foal_conn *conn)
{
  static const uint32_t sizes[] = {0, 0, 1, EXPECT_MAX, 0, 50, 20000, 5};
  uint32_t most = sizes[foal_sim_draw(8)];
  any_expect(log, conn, most > 1 && most < EXPECT_MAX ? foal_sim_size(most) : most);
}

/* ---- to TLS ---- */

static foal_err start_tls(any_log *log, foal_conn *conn) FOAL_TURN;
static foal_err start_tls(any_log *log, foal_conn *conn)
{
  foal_ssl_ctx *ctx = kit_context(log->server ? KIT_SERVER : KIT_CLIENT_ANY);
  bool early = foal_bufq_count(&conn->in) > 0;
  foal_err err = foal_conn_start_tls(conn, ctx, "a.test");
  FOAL_SIM_CHECK(err != FOAL_OK || !early);
  if (err == FOAL_EARLY_BYTES) foal_sim_mark("early_bytes");
  if (err != FOAL_OK) return err;
  FOAL_SIM_CHECK(log->stage == ANY_PLAIN && foal_conn_room(conn) == 0);
  log->stage = ANY_SHAKING;
  log->upgraded = true;
  return FOAL_OK;
}

/* Names and contexts that cannot do: the connection stays as it was. */
static void start_badly(any_log *log, foal_conn *conn) FOAL_TURN;
static void start_badly(any_log *log, foal_conn *conn)
{
  uint8_t phase = conn->phase;
  foal_err must = log->server ? FOAL_BAD_STATE : FOAL_BAD_NAME;
  foal_err err = foal_conn_start_tls(conn, kit_context(KIT_CLIENT_ANY), "no name!");
  bool plain = log->stage == ANY_PLAIN && phase == FOAL__CONN_OPEN;
  bool early = plain && err == FOAL_EARLY_BYTES;
  FOAL_SIM_CHECK(err == (plain ? must : FOAL_BAD_STATE) || err == FOAL_BAD_STATE ||
                 early || (err == FOAL_NO_MEMORY && out_of_memory()));
  FOAL_SIM_CHECK(conn->phase == phase);
}

static void act_tls(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_tls(any_log *log, foal_conn *conn)
{
  bool could = log->stage == ANY_PLAIN && any_open(conn) && !log->muted && !log->ended;
  if (foal_sim_draw(3) == 0) {
    start_badly(log, conn);
  } else if (!could) {
    FOAL_SIM_CHECK(start_tls(log, conn) == FOAL_BAD_STATE);
  } else if (any_now.upgrades && any_now.rash &&
             (foal_sim_draw(3) == 0 || foal_draining())) {
    (void)start_tls(log, conn);
  }
}

/* The client asks with as many bytes as agreed; the server answers and goes over, then
 * the client does. */
void any_deal(any_log *log, foal_conn *conn)
{
  bool ready = log->stage == ANY_PLAIN && any_open(conn) && !log->muted && !log->ended;
  if (!any_now.upgrades || any_now.rash || !ready) return;
  uint64_t ours = any_now.deal_bytes[log->server];
  if (log->got[0] < any_now.deal_bytes[!log->server]) return;
  if (log->server) {
    size_t most = allowed(log, conn, false), left = (size_t)(ours - log->written[0]);
    if (left > most) left = most;
    write_some(log, conn, left, false);
    if (!any_open(conn)) return;
  }
  if (log->written[0] < ours) return;
  if (start_tls(log, conn) != FOAL_OK) any_abort(log, conn);
}

/* ---- the rest ---- */

static void act_set(foal_conn *conn) FOAL_TURN;
static void act_set(foal_conn *conn)
{
  static const struct {
    foal_conn_option option;
    uint32_t value;
    bool good;
  } calls[] = {{FOAL_CONN_NAGLE, 0, true},
               {FOAL_CONN_NAGLE, 1, true},
               {FOAL_CONN_NAGLE, 2, false},
               {FOAL_CONN_KEEPALIVE_S, 0, true},
               {FOAL_CONN_KEEPALIVE_S, SECONDS_MAX, true},
               {FOAL_CONN_KEEPALIVE_S, SECONDS_MAX + 1, false},
               {FOAL_CONN_RECEIVE_BYTES, 0, false},
               {FOAL_CONN_RECEIVE_BYTES, BIG, true},
               {FOAL_CONN_SEND_BYTES, BIG + 1, false},
               {FOAL_CONN_SEND_BYTES, 1, true},
               {(foal_conn_option)99, 1, false}};
  uint32_t i = foal_sim_draw(sizeof calls / sizeof calls[0]);
  foal_err must = conn->phase == FOAL__CONN_OPEN ? FOAL_OK : FOAL_BAD_STATE;
  if (!calls[i].good) must = FOAL_BAD_ARGUMENT;
  FOAL_SIM_CHECK(foal_conn_set(conn, calls[i].option, calls[i].value) == must);
}

static void act_idle(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_idle(any_log *log, foal_conn *conn)
{
  uint32_t idle_ms = LONG_IDLE_MS;
  if (any_now.idles && foal_sim_draw(4) == 0) {
    idle_ms = foal_sim_size(SHORT_IDLE_MS);
    log->idled = true;
  } else if (!foal__sim_on(FOAL__SIM_W_memory) && foal_sim_draw(3) == 0) {
    idle_ms = 0; /* else a lost timer might never be noticed */
  }
  foal_conn_idle(conn, idle_ms);
}

static void act_rekey(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_rekey(any_log *log, foal_conn *conn)
{
  if (log->rekeys == REKEYS_MAX) return;
  bool could = any_secure(log) && any_open(conn);
  foal_err err = foal_conn_key_update(conn);
  FOAL_SIM_CHECK(err == FOAL_BAD_STATE || (err == FOAL_OK && could));
  if (err != FOAL_OK) return;
  log->rekeys++;
  foal_sim_mark("key_update");
}

static void act_ask(const any_log *log, foal_conn *conn) FOAL_TURN;
static void act_ask(const any_log *log, foal_conn *conn)
{
  char local[FOAL_ADDR_TEXT_BYTES], cut[4];
  size_t len = foal_conn_local(conn, local, sizeof local);
  FOAL_SIM_CHECK(len == strlen(local) && foal_conn_local(conn, cut, 0) == len);
  FOAL_SIM_CHECK(foal_conn_local(conn, cut, sizeof cut) == len && strlen(cut) < 4);
  if (log->stage != ANY_NEW) {
    FOAL_SIM_CHECK(strcmp(local, log->local) == 0);
    FOAL_SIM_CHECK(strcmp(foal_conn_peer(conn), log->peer) == 0);
  }
  FOAL_SIM_CHECK(foal_conn_reason(conn) != NULL && foal_conn_context(conn) != NULL);
  bool must = any_secure(log) || log->stage == ANY_SHAKING;
  FOAL_SIM_CHECK(!must || foal_conn_ssl(conn) != NULL);
}

static void act_room(any_log *log, foal_conn *conn) FOAL_TURN;
static void act_room(any_log *log, foal_conn *conn)
{
  bool open = any_open(conn);
  size_t room = foal_conn_room(conn);
  FOAL_SIM_CHECK(room == 0 || open);
  FOAL_SIM_CHECK(room <= conn->config->options.room_bytes);
  if (room == 0 && open) log->blocked = true;
}

static bool ends(any_log *log, foal_conn *conn) FOAL_TURN;
static bool ends(any_log *log, foal_conn *conn)
{
  if (any_now.close_in != 0 && foal_sim_draw(any_now.close_in) == 0) {
    if (foal_sim_draw(2) == 0)
      any_finish(log, conn);
    else
      any_close(log, conn);
    return true;
  }
  if (any_now.quit_in == 0 || foal_sim_draw(any_now.quit_in) > 0) return false;
  any_abort(log, conn);
  return true;
}

void any_act(any_log *log, foal_conn *conn, bool receiving)
{
  if (ends(log, conn)) return;
  if (foal_draining() && !log->stopping && foal_sim_draw(20) == 0) {
    act_tls(log, conn); /* before it hears of it */
    return;
  }
  switch (foal_sim_draw(18)) {
  case 0:
    if (log->settled) break;
    log->muted = true;
    foal_conn_mute(conn);
    break;
  case 1:
    any_unmute(log, conn);
    break;
  case 2:
    if (!log->settled) act_expect(log, conn);
    break;
  case 3:
    foal_conn_yield(conn);
    break;
  case 4:
    act_tls(log, conn);
    break;
  case 5:
    act_set(conn);
    break;
  case 6:
    act_idle(log, conn);
    break;
  case 7:
    act_rekey(log, conn);
    break;
  case 8:
    act_ask(log, conn);
    break;
  case 9:
    act_room(log, conn);
    break;
  case 10:
    act_flood(log, conn);
    break;
  default:
    act_write(log, conn, receiving);
  }
}

void any_in_vain(any_log *log, foal_conn *conn)
{
  uint64_t written = log->written[0] + log->written[1], accepted = log->accepted;
  foal__cause cause = conn->cause;
  any_log before = *log;
  FOAL_SIM_CHECK(conn->phase == FOAL__CONN_CLOSED);
  for (uint32_t i = 2 + foal_sim_draw(20); i > 0; i--) any_act(log, conn, false);
  any_finish(log, conn);
  any_close(log, conn);
  any_abort(log, conn);
  foal_buf *b;
  if (log->manner != ANY_DEAF && foal_buf_new(&b, 1)) (void)send_piece(log, conn, &b);
  FOAL_SIM_CHECK(conn->phase == FOAL__CONN_CLOSED && conn->cause.err == cause.err);
  FOAL_SIM_CHECK(log->written[0] + log->written[1] == written);
  FOAL_SIM_CHECK(log->accepted == accepted && log->finished == before.finished);
  FOAL_SIM_CHECK(log->shut == before.shut && log->aborted == before.aborted);
}
