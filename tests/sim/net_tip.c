/* net_tip.c - see net_tip.h. The handlers check the laws of conn.h as they are called:
 * once, in order, nothing after the end, nothing while muted or held, exactly as many
 * bytes as expected, and every byte the right one. */
#include "net_tip.h"

#include "ssl/info.h"

#include <stdio.h>
#include <string.h>

enum {
  MAGIC = 0x464f414c,
  WRITES_AT_ONCE = 40,
  EXPECT_MAX = 20000,
  HOARD_BYTES = 65536,
  REKEYS_MAX = 30, /* two may overtake a write that waits; peers bear 32 without data */
  PAUSE_MS = 100,
  DROWSY_MS = 400000
};

typedef struct point {
  foal_conn *conn FOAL_REF;
  tip_log *log;
  bool waiting; /* a timer will go on */
  bool receiving;
} point;
FOAL_TAG(point)
FOAL_PROTOCOL(point)
FOAL_TIMER(point, rang)

static tip_log logs[TIP_LOGS_MAX];
static uint32_t logs_count;

/* ---- logs ---- */

void tip_begin(void)
{
  memset(logs, 0, logs_count * sizeof logs[0]);
  logs_count = 0;
  tip_forget_orders();
}

uint32_t tip_count(void)
{
  return logs_count;
}

tip_log *tip_at(uint32_t i)
{
  return &logs[i];
}

static tip_log *log_new(const tip_plan *plan, bool server)
{
  FOAL_SIM_CHECK(logs_count < TIP_LOGS_MAX);
  tip_log *log = &logs[logs_count++];
  log->plan = plan;
  log->id = logs_count;
  log->server = server;
  log->dialed_ms = foal_sim_now_ms();
  return log;
}

/* A client's context is its log, a server's its plan; which one, tells where it lies. */
static tip_log *log_of(const void *context)
{
  const tip_log *log = context;
  bool client = log >= logs && log < logs + TIP_LOGS_MAX;
  return client ? &logs[log - logs] : log_new(context, true);
}

static tip_log *begin(point *self) FOAL_TURN;
static tip_log *begin(point *self)
{
  if (self->log == NULL) {
    self->conn = point_conn(self);
    self->log = log_of(foal_conn_context(self->conn));
  }
  return self->log;
}

/* ---- quitting ---- */

static uint64_t total(const tip_log *log);
static bool write_some(point *self, size_t len) FOAL_TURN;

/* After finish and close nothing is accepted any more: nobody may ever see this. */
static void write_in_vain(point *self) FOAL_TURN;
static void write_in_vain(point *self)
{
  foal_buf *b;
  if (!foal_buf_new(&b, sizeof self->log->id)) return;
  memset(foal_buf_tail(b), 0xee, sizeof self->log->id);
  foal_buf_extend(b, sizeof self->log->id);
  foal_conn_write(self->conn, &b);
}

static void shut(point *self) FOAL_TURN;
static void shut(point *self)
{
  self->log->close_called = true;
  foal_conn_close(self->conn);
  write_in_vain(self);
}

static void abandon(point *self, foal_err why) FOAL_TURN;
static void abandon(point *self, foal_err why)
{
  self->log->quit = self->log->quit_now = true;
  foal_conn_abort(self->conn, why);
}

/* Whether this is the event at which the plan gives up; then it has. */
static bool quits(point *self, tip_event event) FOAL_TURN;
static bool quits(point *self, tip_event event)
{
  tip_log *log = self->log;
  const tip_plan *plan = log->plan;
  if (log->leaving) return true; /* what came in the same turn */
  log->events[event]++;
  if ((plan->habits & TIP_LEAVES) != 0) kit_leave_error();
  if (plan->quit_on != event || log->events[event] != plan->quit_nth) return false;
  log->quit = true;
  /* What is written in the last turn is lost, and the peer must notice. */
  if (plan->quit_how == TIP_QUIT_END && !plan->echo && !log->ended &&
      !log->finish_called && !log->close_called && log->written < total(log))
    (void)write_some(self, 1);
  if (plan->quit_how == TIP_QUIT_CLOSE) shut(self);
  if (plan->quit_how == TIP_QUIT_ABORT) abandon(self, FOAL_LOCAL);
  if (plan->quit_how == TIP_QUIT_END) foal_actor_end(FOAL_ENDED);
  log->leaving = plan->quit_how == TIP_QUIT_END;
  return true;
}

/* ---- sending ---- */

static uint64_t total(const tip_log *log)
{
  return log->plan->send_bytes + TIP_HEADER_BYTES;
}

static void put32(uint8_t *to, uint32_t n)
{
  for (int i = 0; i < 4; i++) to[i] = (uint8_t)(n >> (8 * i));
}

static uint32_t get32(const uint8_t *from)
{
  uint32_t n = 0;
  for (int i = 0; i < 4; i++) n |= (uint32_t)from[i] << (8 * i);
  return n;
}

static void fill(const tip_log *log, uint8_t *out, size_t len)
{
  if (log->written >= TIP_HEADER_BYTES) {
    foal_sim_stream(log->id, log->written - TIP_HEADER_BYTES, out, len);
    return;
  }
  uint8_t header[TIP_HEADER_BYTES];
  put32(header, MAGIC);
  put32(header + 4, log->id);
  put32(header + 8, ~log->id);
  memcpy(out, header + log->written, len);
}

static void note_write(point *self, size_t len, bool receiving) FOAL_TURN;
static void note_write(point *self, size_t len, bool receiving)
{
  tip_log *log = self->log;
  log->written += len;
  log->rekeys = 0;
  if (foal_conn_room(self->conn) > 0 || log->closed) return;
  log->blocked = true;
  if (receiving) log->held = true;
}

/* One write; false: no memory. */
static bool write_some(point *self, size_t len) FOAL_TURN;
static bool write_some(point *self, size_t len)
{
  tip_log *log = self->log;
  foal_buf *b;
  if (log->written < TIP_HEADER_BYTES && len > TIP_HEADER_BYTES - log->written)
    len = (size_t)(TIP_HEADER_BYTES - log->written);
  if (!foal_buf_new(&b, len)) return false;
  fill(log, foal_buf_tail(b), len);
  foal_buf_extend(b, len);
  foal_conn_write(self->conn, &b);
  note_write(self, len, self->receiving);
  foal_sim_note("end %u wrote %zu of %llu, room %zu", log->id, len,
                (unsigned long long)total(log), foal_conn_room(self->conn));
  return true;
}

static void sent_all(point *self) FOAL_TURN;
static void sent_all(point *self)
{
  tip_log *log = self->log;
  if (log->finish_called || log->close_called || log->quit) return;
  if (log->ended || log->plan->then == TIP_CLOSE) {
    shut(self);
  } else if (log->plan->then == TIP_FINISH) {
    log->finish_called = true;
    foal_conn_finish(self->conn);
    FOAL_SIM_CHECK(foal_conn_room(self->conn) == 0);
    write_in_vain(self);
  } else if (log->plan->then == TIP_ABORT) {
    abandon(self, FOAL_LOCAL);
  }
}

static uint32_t pause_of(const tip_plan *plan)
{
  if ((plan->habits & TIP_DROWSY) != 0) return foal_sim_draw(DROWSY_MS);
  return foal_sim_draw(plan->pause_ms != 0 ? plan->pause_ms : PAUSE_MS);
}

static void pump(point *self) FOAL_TURN;
static void pump(point *self)
{
  tip_log *log = self->log;
  const tip_plan *plan = log->plan;
  if (plan->echo || log->quit || log->close_called || log->finish_called) return;
  for (int i = 0; log->written < total(log); i++) {
    uint64_t left = total(log) - log->written;
    size_t room = foal_conn_room(self->conn);
    if ((plan->habits & TIP_PUSHES) != 0) room = SIZE_MAX;
    size_t most = (plan->habits & TIP_ANSWERS) != 0 ? SIZE_MAX : room;
    bool heedless = self->receiving && foal_sim_draw(4) > 0;
    if (room == 0 && !heedless) {
      log->blocked = true; /* `sendable` is promised */
      return;
    }
    if (i == WRITES_AT_ONCE || ((plan->habits & TIP_DRIPS) != 0 && i > 0)) {
      if (!self->waiting) (void)point_rang_after(self, pause_of(plan));
      self->waiting = true;
      return;
    }
    size_t len = 1 + foal_sim_draw(plan->chunk_max);
    if (len > most) len = most;
    if (!write_some(self, len < left ? len : (size_t)left)) {
      abandon(self, FOAL_NO_MEMORY);
      return;
    }
  }
  sent_all(self);
}

/* ---- habits ---- */

static void be_moody(point *self) FOAL_TURN;
static void be_moody(point *self)
{
  tip_log *log = self->log;
  uint32_t habits = log->plan->habits;
  if ((habits & TIP_EXPECTS) != 0 && foal_sim_draw(8) == 0) {
    log->expect = foal_sim_draw(2) == 0 ? 0 : foal_sim_size(EXPECT_MAX);
    foal_conn_expect(self->conn, log->expect);
  }
  if ((habits & TIP_REKEYS) != 0 && foal_sim_draw(6) == 0 && log->rekeys < REKEYS_MAX) {
    foal_err err = foal_conn_key_update(self->conn);
    FOAL_SIM_CHECK(err == FOAL_OK || err == FOAL_BAD_STATE);
    if (err == FOAL_OK) log->rekeys++;
    if (err == FOAL_OK) foal_sim_mark("key_update");
  }
  if ((habits & TIP_MUTES) != 0 && foal_sim_draw(6) == 0 && !log->muted) {
    log->muted = true;
    foal_conn_mute(self->conn);
    if (!self->waiting) (void)point_rang_after(self, pause_of(log->plan));
    self->waiting = true;
    foal_sim_mark("muted");
  }
}

static void point_on_rang(point *self)
{
  tip_log *log = self->log;
  self->waiting = false;
  if (log->closed || quits(self, TIP_ON_RANG)) return;
  if ((log->plan->habits & TIP_HOARDS) != 0)
    foal_conn_expect(self->conn, log->expect = 0);
  if (log->muted && (log->plan->habits & TIP_DEAF) == 0) {
    log->muted = false;
    foal_conn_unmute(self->conn);
  }
  pump(self);
}

/* ---- receiving ---- */

/* Bytes that cannot have been sent: only on an unprotected wire that somebody tampers
 * with. */
static bool spoil(point *self, const char *what) FOAL_TURN;
static bool spoil(point *self, const char *what)
{
  tip_log *log = self->log;
  bool forged = log->plan->ctx == NULL && (kit_trouble() & KIT_FORGED) != 0;
  if (!forged)
    foal_sim_fail("connection end %u at byte %llu: %s", log->id,
                  (unsigned long long)log->got, what);
  log->spoiled = true;
  abandon(self, FOAL_LOCAL);
  return false;
}

static bool take_header(point *self, const uint8_t **bytes, size_t *len) FOAL_TURN;
static bool take_header(point *self, const uint8_t **bytes, size_t *len)
{
  tip_log *log = self->log;
  while (log->header_len<TIP_HEADER_BYTES && * len> 0) {
    log->header[log->header_len++] = *(*bytes)++;
    (*len)--;
    log->got++;
  }
  if (log->stream != 0 || log->header_len < TIP_HEADER_BYTES) return true;
  uint32_t id = get32(log->header + 4);
  bool good = get32(log->header) == MAGIC && get32(log->header + 8) == ~id && id >= 1 &&
              id <= logs_count;
  foal_sim_note("end %u got a header: %08x %u %08x", log->id, get32(log->header), id,
                get32(log->header + 8));
  if (!good) return spoil(self, "a header that nobody sent");
  tip_log *from = &logs[id - 1];
  if (from->server == log->server && from != log)
    return spoil(self, "the header of somebody else");
  if (from == log && log->server) return spoil(self, "its own header came to a server");
  log->stream = id;
  if (from != log) tip_meet(log, from);
  return true;
}

static bool verify(point *self, const uint8_t *bytes, size_t len) FOAL_TURN;
static bool verify(point *self, const uint8_t *bytes, size_t len)
{
  tip_log *log = self->log;
  if ((log->plan->habits & TIP_BLIND) != 0) {
    log->got += len;
    return true;
  }
  if (!take_header(self, &bytes, &len)) return false;
  if (len == 0) return true;
  if (!foal_sim_stream_is(log->stream, log->got - TIP_HEADER_BYTES, bytes, len))
    return spoil(self, "bytes that were not sent at this place");
  log->got += len;
  /* Nothing comes that was not given away before. */
  const tip_log *source = &logs[log->stream - 1];
  if (log->got > source->written) return spoil(self, "more than was sent");
  return true;
}

static void point_on_received(point *self, foal_buf **data)
{
  tip_log *log = self->log;
  size_t len = foal_buf_len(*data);
  if (log->leaving) {
    foal_buf_drop(data);
    return;
  }
  FOAL_SIM_CHECK(log != NULL && log->events[TIP_ON_OPENED] == 1);
  FOAL_SIM_CHECK(!log->closed && !log->ended && !log->close_called && !log->quit_now);
  FOAL_SIM_CHECK(!log->muted && len > 0);
  FOAL_SIM_CHECK(!log->held || log->finish_called);
  FOAL_SIM_CHECK(log->expect == 0 || log->expect == len);
  if (!verify(self, foal_buf_data(*data), len)) {
    foal_buf_drop(data);
    return;
  }
  if (log->plan->echo && !log->finish_called) {
    foal_conn_write(self->conn, data);
    note_write(self, len, true);
  } else {
    foal_buf_drop(data);
  }
  if (quits(self, TIP_ON_RECEIVED)) return;
  if ((log->plan->habits & TIP_LATE) != 0 && log->got == total(log)) {
    shut(self);
    return;
  }
  /* Nothing of its own is written here: who writes into a full queue in `received` is not
   * read from, and two ends that do so wait for each other. */
  be_moody(self);
  if ((log->plan->habits & TIP_ANSWERS) == 0) return;
  self->receiving = true;
  pump(self);
  self->receiving = false;
}

/* ---- the other handlers ---- */

static void point_on_opened(point *self, foal_conn *conn)
{
  tip_log *log = begin(self);
  FOAL_SIM_CHECK(conn == self->conn && log->events[TIP_ON_OPENED] == 0);
  FOAL_SIM_CHECK(!log->closed);
  log->opened_ms = foal_sim_now_ms();
  if (log->plan->opened != NULL) log->plan->opened(log, conn);
  if ((log->plan->habits & TIP_DEAF) != 0) {
    log->muted = true;
    foal_conn_mute(conn);
  }
  if ((log->plan->habits & TIP_HOARDS) != 0) {
    foal_conn_expect(conn, log->expect = HOARD_BYTES);
    (void)point_rang_after(self, pause_of(log->plan));
    self->waiting = true;
  }
  if (quits(self, TIP_ON_OPENED)) return;
  be_moody(self);
  pump(self);
}

static void point_on_sendable(point *self, size_t room)
{
  tip_log *log = self->log;
  if (log->leaving) return;
  FOAL_SIM_CHECK(log->events[TIP_ON_OPENED] == 1 && !log->closed);
  FOAL_SIM_CHECK(!log->close_called && !log->finish_called && !log->quit_now);
  FOAL_SIM_CHECK(log->blocked && room > 0 && room == foal_conn_room(self->conn));
  log->blocked = log->held = false;
  foal_sim_mark("sendable");
  if (quits(self, TIP_ON_SENDABLE)) return;
  be_moody(self);
  pump(self);
}

static void point_on_ended(point *self, foal_err why)
{
  tip_log *log = self->log;
  if (log->leaving) return;
  FOAL_SIM_CHECK(why == FOAL_CLEAN || why == FOAL_STOPPED ||
                 (why == FOAL_INCOMPLETE && log->expect > 0));
  FOAL_SIM_CHECK(log->events[TIP_ON_OPENED] == 1 && !log->closed && !log->close_called);
  if (why == FOAL_STOPPED) {
    FOAL_SIM_CHECK(!log->stopping);
    log->stopping = log->quit = true;
    if (foal_sim_draw(8) > 0) shut(self); /* else it is left to the end of the program */
    return;
  }
  FOAL_SIM_CHECK(!log->ended && !log->muted);
  log->ended = true;
  log->incomplete = why != FOAL_CLEAN;
  tip_check_end(log);
  if (quits(self, TIP_ON_ENDED)) return;
  if (log->finish_called && !log->quit && foal_sim_draw(2) == 0) return; /* by itself */
  bool all = log->plan->echo || log->written == total(log) || log->finish_called;
  if (!all && (log->plan->habits & TIP_PULLS) == 0)
    pump(self);
  else if (!log->quit)
    shut(self);
}

static void point_on_closed(point *self, foal_err why)
{
  tip_log *log = begin(self);
  FOAL_SIM_CHECK(!log->closed && why != FOAL_OK);
  log->closed = true;
  log->why = why;
  log->closed_ms = foal_sim_now_ms();
  log->alert_in = log->alert_out = -1;
  snprintf(log->reason, sizeof log->reason, "%s", foal_conn_reason(self->conn));
  foal_ssl *ssl = foal_conn_ssl(self->conn);
  if (ssl != NULL) {
    log->alert_in = foal_ssl_alert_received(ssl);
    log->alert_out = foal_ssl_alert_sent(ssl);
    log->failed_tls = foal_ssl_error(ssl) != FOAL_OK;
  }
  bool of_tls =
      why == FOAL_TLS_FAILED || why == FOAL_TLS_ALERT || why == FOAL_AUTH_FAILED;
  FOAL_SIM_CHECK(!of_tls || log->reason[0] != '\0');
  if (log->plan->closed != NULL) log->plan->closed(log, self->conn);
  foal_sim_note("end %u closed: %s (%s)", log->id, foal_err_name(why), log->reason);
}

/* ---- beginning ---- */

bool tip_listen(const tip_plan *plan, foal_listener *out)
{
  foal_listen_options where = {.host = "127.0.0.1", .ctx = plan->ctx, .conn = plan->conn};
  where.connections_max = plan->keep;
  where.conn.context = plan;
  foal_err err = point_listen(&where, out);
  if (err == FOAL_NO_MEMORY) return false;
  if (err != FOAL_OK) foal_sim_fail("listen: %s", foal_err_name(err));
  return true;
}

bool tip_dial(const tip_plan *plan, uint16_t port)
{
  point_tag tag;
  tip_log *log = log_new(plan, false);
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = port,
                             .ctx = plan->ctx,
                             .verify_name = plan->verify_name,
                             .conn = plan->conn};
  to.conn.context = log;
  if (point_connect(&to, &tag)) return true;
  log->closed = true; /* it was not begun: it hears nothing */
  log->why = FOAL_NO_MEMORY;
  return false;
}
