/* lori_chaos_test.c - upgrades to TLS in any order of events: seeded, with peers that
 * speak plain, TLS or garbage, and a system that takes what it likes.
 *
 * What must hold: plain bytes are never delivered after the upgrade and encrypted ones
 * never before; on the wire the plain part ends where the upgrade was accepted, and TLS
 * begins there; every receipt is true; everything ends. On the fake backend. */
#include "fake_peer.h"
#include "lori_kit.h"

TestSuite(conf_lori_more, .timeout = 60);

enum {
  LINES = 16, /* half of them servers */
  PIECES_MAX = 200,
  STEPS = 1200,
  SEEDS = 10,
  FIRST_PORT = 40000, /* of those that connect */
  SAID = 18
};

typedef struct line {
  talk_plan plan;
  talk_tag tag;
  fake_peer peer;
  foal__sock *sock;
  unsigned index;
  uint64_t end[PIECES_MAX];
  bool in_plain[PIECES_MAX];
  uint64_t plain_end;
  unsigned accepted, settled, opens;
  bool upgraded; /* start_tls was accepted */
  bool silent;   /* the peer has said that it has finished */
} line;

static line lines[LINES];
static talk_plan accepting; /* until it is known which line it is */
static test_cert *cert;
static foal_ssl_ctx *trusting;
static uint64_t rng;
static unsigned servers, upgrades, upgraded, early, sent, failed;

static uint64_t draw(uint64_t below)
{
  rng ^= rng << 13;
  rng ^= rng >> 7;
  rng ^= rng << 17;
  return rng % below;
}

static line *line_of(const talk *self)
{
  return (line *)(void *)self->plan; /* the first member */
}

static bool is_server(const line *l)
{
  return l < lines + LINES / 2;
}

static void attach(line *l, unsigned port)
{
  unsigned i = fake_count();
  while (i-- > 0 && fake(i)->to.port != port) {
  }
  l->index = i;
  l->sock = fake(i);
}

/* ---- in turns ---- */

static void send_piece(talk *self, size_t len) FOAL_TURN;
static void send_piece(talk *self, size_t len)
{
  line *l = line_of(self);
  if (l->accepted == PIECES_MAX) return;
  foal_err err = talk_send(self, len, l->accepted);
  must(err == FOAL_OK || err == FOAL_BAD_STATE || err == FOAL_FULL);
  if (err != FOAL_OK) return;
  l->in_plain[l->accepted] = !l->upgraded;
  l->end[l->accepted++] = self->sent;
}

static void try_upgrade(talk *self) FOAL_TURN;
static void try_upgrade(talk *self)
{
  line *l = line_of(self);
  bool was_tls = foal_conn_ssl(self->conn) != NULL;
  foal_ssl_ctx *ctx = is_server(l) ? kit_server_ctx : trusting;
  foal_err err = foal_conn_start_tls(self->conn, ctx, "localhost");
  must(err == FOAL_OK || err == FOAL_BAD_STATE || err == FOAL_EARLY_BYTES);
  upgrades++;
  if (err == FOAL_EARLY_BYTES) early++;
  if (err != FOAL_OK) return;
  must(!was_tls && !l->upgraded);
  l->upgraded = true;
  l->plain_end = self->sent;
  must(foal_conn_room(self->conn) == 0);
}

static void anything(talk *self, uint64_t luck) FOAL_TURN;
static void anything(talk *self, uint64_t luck)
{
  static const uint32_t most[] = {1, 20, 3000, 50000};
  if (luck < 30) send_piece(self, draw(most[draw(4)] + 1));
  if (luck >= 30 && luck < 36) try_upgrade(self);
  if (luck == 36) foal_conn_mute(self->conn);
  if (luck >= 37 && luck < 40) foal_conn_unmute(self->conn);
  if (luck >= 40 && luck < 44) foal_conn_expect(self->conn, draw(3) * 7);
  if (luck >= 44 && luck < 47) foal_conn_yield(self->conn);
  if (luck == 47 && draw(6) == 0) foal_conn_finish(self->conn);
  if (luck == 48 && draw(6) == 0) foal_conn_close(self->conn);
  if (luck == 49 && draw(6) == 0) foal_conn_abort(self->conn, FOAL_LOCAL);
}

HOOK told(talk *self, uint32_t luck)
{
  anything(self, luck);
}

HOOK chaos_opened(talk *self)
{
  if (self->plan == &accepting) {
    const char *port = strrchr(foal_conn_peer(self->conn), ':');
    must(servers < LINES / 2);
    self->plan = &lines[servers].plan;
    attach(&lines[servers++], (unsigned)atoi(port + 1));
  }
  line *l = line_of(self);
  l->tag = talk_me(self);
  must(++l->opens == (l->upgraded ? 2 : 1));
  must(l->upgraded == (foal_conn_ssl(self->conn) != NULL));
  if (l->upgraded) upgraded++;
  anything(self, draw(100));
}

HOOK chaos_received(talk *self, foal_buf **data)
{
  line *l = line_of(self);
  for (size_t i = 0; i < foal_buf_len(*data); i++)
    must(foal_buf_data(*data)[i] == (l->upgraded ? 't' : 'p'));
  foal_buf_drop(data);
  anything(self, draw(150));
}

HOOK chaos_sendable(talk *self, size_t room)
{
  (void)room;
  anything(self, draw(100));
}

HOOK chaos_ended(talk *self, foal_err why)
{
  (void)why;
  anything(self, draw(100));
  if (draw(2) == 0) foal_conn_close(self->conn);
}

HOOK chaos_receipt(talk *self, uint64_t token, foal_err how)
{
  line *l = line_of(self);
  must(token == l->settled && l->settled < l->accepted && l->plan.closed_count == 0);
  l->settled++;
  if (how == FOAL_OK) {
    must(l->plan.failed_count == 0);
    if (l->in_plain[token]) {
      must(l->sock->out_len >= l->end[token]);
    } else {
      l->peer.held = false;
      (void)fake_peer_move(&l->peer);
      must(l->peer.got_len >= l->end[token] - l->plain_end);
    }
  }
  anything(self, draw(200));
}

HOOK chaos_closed(talk *self, foal_err why)
{
  line *l = line_of(self);
  (void)why;
  must(l->settled == l->accepted);
  anything(self, draw(50));
}

/* ---- on the wire ---- */

/* The peer begins its handshake when our side did, mostly where the plain part ends. */
static void begin_tls(line *l)
{
  unsigned n = l->index;
  if (is_server(l)) {
    fake_peer_call(&l->peer, n);
  } else {
    fake_peer_serve(&l->peer, n, cert);
  }
  l->peer.seen = l->plain_end;
}

static void say(line *l, uint64_t luck)
{
  if (l->sock->in_count > 20) return;
  if (l->peer.ssl != NULL && l->peer.ready && !l->peer.failed && !l->silent) {
    if (luck < 98) fake_peer_say(&l->peer, "tttttttttttttttttt", 1 + draw(SAID));
    if (luck == 98) fake_peer_notify(&l->peer);
    if (luck == 98) l->silent = true;
  } else if (l->peer.ssl == NULL) {
    fake_bytes(l->index, "pppppppppppppppppp", 1 + draw(SAID));
  }
}

static void act_on_wire(line *l)
{
  uint64_t luck = draw(100);
  foal__sock *s = l->sock;
  if (s->dialing || s->closing || s->end.err != FOAL_OK) return;
  s->taking = (fake_taking)draw(2);
  if (l->peer.ssl != NULL) l->peer.held = draw(4) == 0;
  (void)fake_take(l->index, 1 + draw(luck < 50 ? 60000 : 200));
  bool out = s->out_len >= l->plain_end;
  if (l->upgraded && l->peer.ssl == NULL && out && luck < 40) begin_tls(l);
  if (luck % 4 == 0) say(l, draw(100));
  if (luck == 99 && draw(4) == 0) fake_end(l->index, draw(2) ? FOAL_CLEAN : FOAL_RESET);
}

/* ---- the run ---- */

static bool chaos(unsigned n)
{
  line *l = &lines[draw(LINES)];
  if (n == 0) {
    for (int i = 0; i < LINES / 2; i++) fake_arrive();
  } else if (n <= LINES / 2) {
    l = &lines[LINES / 2 + n - 1];
    attach(l, FIRST_PORT + n - 1);
    fake_connected(l->index, FOAL_OK);
  } else if (n < STEPS) {
    act_on_wire(l);
    if (l->plan.closed_count == 0) talk_tell(l->tag, TALK_CALL, (uint32_t)draw(100));
  } else if (n == STEPS) {
    for (l = lines; l < lines + LINES; l++) {
      l->peer.held = false;
      if (l->plan.closed_count == 0) talk_tell(l->tag, TALK_CLOSE, 0);
    }
    foal_listener_close(accepting.listener);
  }
  return n <= STEPS;
}

static void check_line(line *l)
{
  const uint8_t *out = l->sock->out;
  uint64_t plain = l->upgraded ? l->plain_end : l->sock->out_len;
  if (plain > l->sock->out_len) plain = l->sock->out_len;
  cr_assert_eq(l->plan.closed_count, 1);
  cr_assert_eq(l->settled, l->accepted);
  cr_assert(kit_is_pattern(out, 0, plain));
  if (plain < l->sock->out_len) cr_assert(out[plain] >= 20 && out[plain] <= 23);
  cr_assert(kit_is_pattern(l->peer.got, l->plain_end, l->peer.got_len));
  sent += l->plan.sent_count;
  failed += l->plan.failed_count;
}

static void run_seed(uint64_t seed)
{
  foal_conn_options o = {.queue_bytes_max = 150000};
  rng = seed * UINT64_C(0x9E3779B97F4A7C15);
  memset(lines, 0, sizeof lines);
  fake_restart();
  kit_start(1);
  servers = 0;
  accepting = (talk_plan){.opened = chaos_opened,
                          .received = chaos_received,
                          .sendable = chaos_sendable,
                          .ended = chaos_ended,
                          .receipt = chaos_receipt,
                          .closed = chaos_closed};
  accepting.quiet = true;
  for (line *l = lines; l < lines + LINES; l++) {
    l->plan = accepting;
    foal_connect_options to = {.host = "192.0.2.7", .conn = o};
    to.port = (uint16_t)(FIRST_PORT + (l - lines) % (LINES / 2));
    to.conn.context = &l->plan;
    if (!is_server(l)) must(talk_try_connect(&to, &l->tag));
  }
  talk_serve(&accepting, NULL, &o);
  kit_run();
  for (line *l = lines; l < lines + LINES; l++) check_line(l);
  fake_peers_end();
}

Test(conf_lori_more, upgrades_in_any_order_of_events)
{
  cert = cert_make(&(cert_spec){.name = "localhost", .alt = "DNS:localhost"});
  trusting = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_trust_pem(trusting, cert->pem), FOAL_OK);
  talk_called = told;
  fake_step = chaos;
  fake_react = fake_peers_move;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(seed);
  foal_ssl_ctx_drop(&trusting);
  cert_free(cert);
  cr_log_info("%u tried, %u early, %u upgraded, %u sent, %u failed", upgrades, early,
              upgraded, sent, failed);
  cr_assert_gt(upgraded, 30);
  cr_assert_gt(early, 5);
  cr_assert_gt(sent, 300);
  cr_assert_gt(failed, 30);
}
