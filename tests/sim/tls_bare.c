/* tls_bare.c - connections whose other end is a bare session: what no connection of ours
 * does, but a peer may.
 *
 * `bare` speaks TLS over a plain connection with a session of its own, as client or as
 * server, and does one odd thing: it goes on sending behind close_notify, sends
 * close_notify without FIN or FIN without close_notify, renews its keys with every word,
 * or as often as is borne, or once more, sends FIN while it is still sent to, resets
 * behind the end, or asks for an update and waits for the answer. How the end that is
 * ours must take it is known. */
#include "net_tip.h"

#include "scenarios.h"

#include "ssl/info.h"

#include <string.h>

typedef enum oddity {
  AFTER,  /* sends on behind close_notify */
  OPEN,   /* sends close_notify, but no FIN */
  CUT,    /* sends FIN, but no close_notify */
  RENEWS, /* a key update before each word */
  EDGE,   /* as many updates without data as are borne */
  BEYOND, /* and one more */
  RUDE,   /* sends FIN alone to somebody who has closed and still sends */
  RESETS, /* is told the end, tells it, and breaks the connection */
  ASKS,   /* wants an update of somebody who has nothing to say */
  ODDITIES
} oddity;

enum {
  UPDATES_MAX = 32, /* without data; see FOAL__KEY_UPDATES_MAX */
  WORDS = 80,
  BYTES_MAX = 30000,
  NOISE_BYTES = 20000,
  RUDE_BYTES_MAX = 200000
};

typedef struct bare {
  foal_conn *conn FOAL_REF;
  foal_ssl *ssl FOAL_REF;
  uint64_t got;
  uint64_t asked_at; /* ciphertext that had come when it asked */
  uint64_t came;
  bool done, asked;
} bare;
FOAL_TAG(bare)
FOAL_PROTOCOL(bare)

static const char *const names[ODDITIES] = {"after",  "open", "cut",    "renews", "edge",
                                            "beyond", "rude", "resets", "asks"};
static tip_plan plan;
static oddity now;
static bool serves; /* the bare end does */
static uint64_t sent, heard, heard_closed;

/* ---- the bare end ---- */

static void pass_on(bare *self) FOAL_TURN;
static void pass_on(bare *self)
{
  foal_buf *b;
  while (foal_ssl_send(self->ssl, &b)) foal_conn_write(self->conn, &b);
}

static void say(bare *self, size_t len) FOAL_TURN;
static void say(bare *self, size_t len)
{
  foal_buf *b;
  if (!foal_buf_new(&b, len)) foal_sim_fail("no memory");
  foal_sim_stream(1, sent, foal_buf_tail(b), len);
  foal_buf_extend(b, len);
  if (foal_ssl_write(self->ssl, &b) == FOAL_OK) sent += len;
  pass_on(self);
}

static void renew(bare *self, uint32_t times, bool ask) FOAL_TURN;
static void renew(bare *self, uint32_t times, bool ask)
{
  for (; times > 0; times--) {
    foal_err err = foal_ssl_key_update(self->ssl, ask);
    FOAL_SIM_CHECK(err == FOAL_OK || foal_ssl_error(self->ssl) != FOAL_OK);
    pass_on(self);
  }
}

static void end_text(bare *self) FOAL_TURN;
static void end_text(bare *self)
{
  foal_ssl_close(self->ssl);
  pass_on(self);
}

static void send_noise(bare *self) FOAL_TURN;
static void send_noise(bare *self)
{
  foal_buf *b;
  size_t len = foal_sim_size(NOISE_BYTES);
  if (!foal_buf_new(&b, len)) foal_sim_fail("no memory");
  foal_sim_stream(2, 0, foal_buf_tail(b), len);
  foal_buf_extend(b, len);
  foal_conn_write(self->conn, &b);
}

/* The odd thing; the header of our end has come, so it has nothing left to say. */
static void act(bare *self) FOAL_TURN;
static void act(bare *self)
{
  self->done = true;
  if (now == RUDE) {
    foal_conn_finish(self->conn);
    return;
  }
  if (now == EDGE || now == BEYOND) renew(self, UPDATES_MAX + (now == BEYOND), false);
  for (int i = 0; now == RENEWS && i < WORDS; i++) {
    renew(self, 1, false);
    say(self, 1 + foal_sim_draw(20));
  }
  say(self, foal_sim_size(BYTES_MAX));
  if (now == ASKS) {
    renew(self, 1, true);
    self->asked = true;
    self->asked_at = self->came;
    return;
  }
  if (now == CUT) {
    foal_conn_finish(self->conn);
    return;
  }
  end_text(self);
  if (now == AFTER) send_noise(self);
  if (now == AFTER && foal_sim_draw(2) == 0) foal_conn_finish(self->conn);
}

static void go_on(bare *self) FOAL_TURN;
static void go_on(bare *self)
{
  foal_buf *b;
  if (self->ssl == NULL) return;
  while (foal_ssl_read(self->ssl, 0, &b)) {
    self->got += foal_buf_len(b);
    foal_buf_drop(&b);
  }
  heard = self->got;
  pass_on(self);
  if (!self->done && self->got >= TIP_HEADER_BYTES) act(self);
  if (self->asked && self->came > self->asked_at) {
    self->asked = false;
    foal_sim_mark("answered");
    end_text(self);
  }
  if (foal_ssl_end_seen(self->ssl)) heard_closed++;
}

static void bare_on_opened(bare *self, foal_conn *conn)
{
  self->conn = conn;
  self->ssl = serves ? foal_ssl_server(kit_context(KIT_SERVER))
                     : foal_ssl_client(kit_context(KIT_CLIENT_1_3), "a.test");
  FOAL_SIM_CHECK(self->ssl != NULL);
  go_on(self);
}

static void bare_on_received(bare *self, foal_buf **data)
{
  self->came += foal_buf_len(*data);
  foal_ssl_receive(self->ssl, data);
  go_on(self);
}

static void bare_on_sendable(bare *self, size_t room)
{
  (void)self, (void)room;
}

static void bare_on_ended(bare *self, foal_err why)
{
  (void)why;
  go_on(self);
  if (now == RESETS)
    foal_conn_abort(self->conn, FOAL_LOCAL);
  else
    foal_conn_close(self->conn);
}

static void bare_on_closed(bare *self, foal_err why)
{
  (void)why;
  foal_ssl_free(&self->ssl);
}

/* ---- the run ---- */

static bool start_serving(void)
{
  foal_listener listener;
  foal_listen_options where = {.host = "127.0.0.1", .conn = plan.conn};
  plan.ctx = kit_context(KIT_CLIENT_1_3);
  plan.verify_name = "a.test";
  foal_err err = bare_listen(&where, &listener);
  if (err != FOAL_OK) foal_sim_fail("listen: %s", foal_err_name(err));
  return tip_dial(&plan, listener.port);
}

static bool start_asking(void)
{
  foal_listener listener;
  bare_tag tag;
  plan.ctx = kit_context(KIT_SERVER);
  if (!tip_listen(&plan, &listener)) return false;
  foal_connect_options to = {
      .host = "127.0.0.1", .port = listener.port, .conn = plan.conn};
  return bare_connect(&to, &tag);
}

static bool start(void)
{
  tip_begin();
  sent = heard = heard_closed = 0;
  now = (oddity)foal_sim_draw(ODDITIES);
  serves = foal_sim_draw(2) == 0;
  plan = (tip_plan){.then = TIP_STAY, .chunk_max = 40000};
  plan.habits = TIP_BLIND | TIP_LEAVES;
  if (foal_sim_draw(3) == 0) plan.habits |= TIP_MUTES;
  plan.conn.room_bytes = foal_sim_size(60000);
  if (now == RUDE) { /* it has closed before anything comes */
    plan.then = TIP_CLOSE;
    plan.habits = TIP_BLIND | TIP_LEAVES | TIP_PUSHES;
    plan.send_bytes = foal_sim_size(RUDE_BYTES_MAX);
  }
  tip_be_patient(&plan);
  foal_sim_note("case %s, the bare end %s", names[now], serves ? "serves" : "asks");
  foal_sim_mark(names[now]);
  return serves ? start_serving() : start_asking();
}

static void check(void)
{
  static const foal_err whys[ODDITIES] = {FOAL_CLEAN, FOAL_CLEAN, FOAL_TRUNCATED,
                                          FOAL_CLEAN, FOAL_CLEAN, FOAL_LIMIT,
                                          FOAL_LOCAL, FOAL_CLEAN, FOAL_CLEAN};
  tip_check(false);
  const tip_log *log = tip_count() == 1 ? tip_at(0) : NULL;
  if (kit_trouble() == 0) {
    FOAL_SIM_CHECK(log != NULL && log->closed);
    if (log->why != whys[now])
      foal_sim_fail("%s: %s (%s)", names[now], foal_err_name(log->why), log->reason);
    FOAL_SIM_CHECK(log->ended == (whys[now] == FOAL_CLEAN));
    FOAL_SIM_CHECK(log->got == (now == BEYOND ? 0 : sent));
    FOAL_SIM_CHECK(heard == log->written);
    if (whys[now] == FOAL_CLEAN || now == RUDE) FOAL_SIM_CHECK(heard_closed > 0);
  }
  tip_begin();
}

static const char *const marks[] = {"after", "open",     "cut",  "renews",
                                    "edge",  "beyond",   "rude", "resets",
                                    "asks",  "answered", NULL};

const foal_scenario tls_bare = {
    .name = "tls_bare",
    .about = "peers that end, renew and ask as no connection of ours does",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
};
