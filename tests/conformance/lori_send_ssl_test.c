/* lori_send_ssl_test.c - the rows of lori about sending through TLS: a piece is sent when
 * the system has the last byte of it in encrypted form.
 *
 * On the fake backend with an OpenSSL session as the peer. The measure of every receipt
 * is what that peer can decrypt from the bytes that were taken. */
#include "fake_peer.h"
#include "lori_kit.h"

TestSuite(conf_lori, .timeout = 30);

enum { HALF = 262144, LARGE = 1000000, PIECES_MAX = 300 };

typedef struct line {
  talk_plan plan;
  talk_tag tag;
  fake_peer peer;
  uint64_t end[PIECES_MAX]; /* where each accepted piece ends */
  unsigned accepted, settled;
} line;

enum { LINES = 8 };
static line lines[LINES], *const first = &lines[0];
static unsigned lines_open;

static line *line_of(const talk *self)
{
  return (line *)(void *)self->plan; /* the first member */
}

HOOK send_piece(talk *self, size_t len)
{
  line *l = line_of(self);
  if (l->accepted == PIECES_MAX) return;
  foal_err err = talk_send(self, len, l->accepted);
  must(err == FOAL_OK || err == FOAL_BAD_STATE || err == FOAL_FULL);
  if (err == FOAL_OK) l->end[l->accepted++] = self->sent;
}

HOOK check_receipt(talk *self, uint64_t token, foal_err how)
{
  line *l = line_of(self);
  (void)fake_peer_move(&l->peer);
  must(token == l->settled && l->settled < l->accepted);
  l->settled++;
  if (how == FOAL_OK) must(l->plan.failed_count == 0);
  if (how == FOAL_OK) must(l->peer.got_len >= l->end[token]);
}

/* Sock 0 belongs to our server; its peer has shaken hands when step 2 runs. */
static bool begin(unsigned n, fake_taking taking)
{
  if (n == 0) fake_arrive();
  if (n == 1) fake_peer_call(&first->peer, 0);
  if (n == 2) fake(0)->taking = taking;
  if (n == 2) talk_tell(first->tag, TALK_CALL, 0);
  return n <= 2;
}

HOOK remember(talk *self)
{
  line_of(self)->tag = talk_me(self);
}

static void play(bool (*step)(unsigned n), void (*called)(talk *self, uint32_t arg))
{
  foal_conn_options o = {.context = &first->plan, .queue_bytes_max = 2 * LARGE};
  talk_called = called;
  fake_step = step;
  fake_react = fake_peers_move;
  first->plan.last = 1;
  first->plan.opened = remember;
  if (first->plan.receipt == NULL) first->plan.receipt = check_receipt;
  kit_start(1);
  talk_serve(&first->plan, kit_server_ctx, &o);
  kit_run();
  cr_assert_eq(first->plan.closed_count, 1);
  cr_assert_eq(first->settled, first->accepted);
  cr_assert(kit_is_pattern(first->peer.got, 0, first->peer.got_len));
}

static bool got(size_t bytes)
{
  bool all = first->peer.got_len == bytes;
  fake_peers_end();
  return all;
}

/* ---- all of it ---- */

/* The system takes a little at a time; when all is out, the peer says that it has
 * finished, too. */
static bool slowly(unsigned n)
{
  if (begin(n, FAKE_HOLDS)) return true;
  if (first->peer.end_seen && fake(0)->end.err == FOAL_OK) {
    must(fake(0)->finished && first->plan.failed_count == 0);
    fake_peer_notify(&first->peer);
    (void)fake_peer_move(&first->peer);
    fake_end(0, FOAL_CLEAN);
    return true;
  }
  return fake_take(0, 7000) > 0;
}

static void write_some(talk *self, size_t len) FOAL_TURN;
static void write_some(talk *self, size_t len)
{
  foal_buf *b;
  kit_pattern(&b, self->sent, len);
  self->sent += len;
  foal_conn_write(self->conn, &b);
}

HOOK send_vector(talk *self, uint32_t arg)
{
  (void)arg;
  write_some(self, 20000);
  write_some(self, 0);
  write_some(self, 5);
  send_piece(self, 30000);
  send_piece(self, 0);
  foal_conn_close(self->conn);
}

Test(conf_lori, SSLSendv)
{
  play(slowly, send_vector);
  cr_assert(talk_is(&first->plan, "opened receipt:0:OK receipt:1:OK closed:CLEAN"));
  cr_assert(got(50005));
}

HOOK send_halves(talk *self, uint32_t arg)
{
  (void)arg;
  send_piece(self, HALF);
  send_piece(self, HALF);
}

HOOK send_halves_and_close(talk *self, uint32_t arg)
{
  send_halves(self, arg);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendSSLPerTokenCompletion)
{
  play(slowly, send_halves_and_close);
  cr_assert(talk_is(&first->plan, "opened receipt:0:OK receipt:1:OK closed:CLEAN"));
  cr_assert(got(2 * HALF));
}

HOOK send_large(talk *self, uint32_t arg)
{
  (void)arg;
  send_piece(self, LARGE);
  foal_conn_close(self->conn);
}

Test(conf_lori, SendSSLLargeSingleSend)
{
  play(slowly, send_large);
  cr_assert(talk_is(&first->plan, "opened receipt:0:OK closed:CLEAN"));
  cr_assert(got(LARGE));
}

HOOK send_ten_and_close(talk *self, uint32_t arg)
{
  (void)arg;
  for (int i = 0; i < 10; i++) send_piece(self, 30000);
  foal_conn_close(self->conn);
  send_piece(self, 1);
}

Test(conf_lori, SendSSLGracefulCloseWithPending)
{
  play(slowly, send_ten_and_close);
  cr_assert_eq(first->accepted, 10);
  cr_assert_eq(first->plan.sent_count, 10);
  cr_assert_eq(first->plan.why, FOAL_CLEAN);
  cr_assert(got(300000));
}

/* ---- a part of it ---- */

static bool drop_in_flight(unsigned n)
{
  if (begin(n, FAKE_HOLDS)) return true;
  if (first->plan.sent_count == 0) return fake_take(0, 7000) > 0;
  if (fake(0)->end.err != FOAL_OK) return false;
  must(fake_take(0, 7000) == 7000);
  fake_end(0, FOAL_RESET);
  return true;
}

HOOK send_halves_and_more(talk *self, uint32_t arg)
{
  send_halves(self, arg);
  send_piece(self, 10);
}

Test(conf_lori, SendSSLMidFlightDropBoundary)
{
  play(drop_in_flight, send_halves_and_more);
  cr_assert(talk_has(&first->plan, "opened receipt:0:OK receipt:1:RESET receipt:2:RESET "
                                   "closed:RESET"));
  cr_assert_geq(first->peer.got_len, HALF);
  cr_assert_lt(first->peer.got_len, 2 * HALF);
  fake_peers_end();
}

HOOK fill_and_abort(talk *self, uint32_t arg)
{
  send_halves(self, arg);
  must(foal_conn_room(self->conn) == 0);
  send_piece(self, 10);
  must(first->accepted == 3);
  foal_conn_abort(self->conn, FOAL_LOCAL);
}

static bool only_begin(unsigned n)
{
  return begin(n, FAKE_HOLDS);
}

Test(conf_lori, SendSSLHardCloseFromThrottled)
{
  play(only_begin, fill_and_abort);
  cr_assert(talk_is(&first->plan, "opened receipt:0:LOCAL receipt:1:LOCAL "
                                  "receipt:2:LOCAL closed:LOCAL"));
  cr_assert(got(0));
}

/* A broken record makes an end of the session while most of it waits in it; the alert
 * that leaves then carries nothing of that. */
static bool broken_record(unsigned n)
{
  if (begin(n, FAKE_HOLDS)) return true;
  if (n == 3) must(fake_take(0, 7000) == 7000);
  if (n == 3) first->peer.held = true;
  if (n == 3) fake_bytes(0, "this is no record of TLS", 24);
  if (n == 3) return true;
  if (fake_take(0, SIZE_MAX) > 0) return true;
  if (fake(0)->finished && fake(0)->end.err == FOAL_OK) {
    fake_end(0, FOAL_CLEAN);
    return true;
  }
  return false;
}

Test(conf_lori_more, a_failed_session_fails_what_waited_in_it)
{
  play(broken_record, send_halves_and_more);
  cr_assert(talk_is(&first->plan, "opened receipt:0:TLS_FAILED receipt:1:TLS_FAILED "
                                  "receipt:2:TLS_FAILED closed:TLS_FAILED"));
  fake_peers_end();
}

/* ---- whatever happens, beyond the rows ---- */

enum { STEPS = 600, SEEDS = 4 };
static uint64_t rng;

static uint64_t draw(uint64_t below)
{
  rng ^= rng << 13;
  rng ^= rng >> 7;
  rng ^= rng << 17;
  return rng % below;
}

/* The connections do not open in the order of their socks. */
HOOK take_a_line(talk *self)
{
  const char *port = strrchr(foal_conn_peer(self->conn), ':');
  for (line *l = lines; l < lines + LINES; l++) {
    if (atoi(port + 1) != fake(l->peer.sock)->to.port) continue;
    self->plan = &l->plan;
    l->tag = talk_me(self);
    lines_open++;
  }
}

HOOK send_some(talk *self, uint32_t len)
{
  if (draw(12) == 0) (void)!foal_conn_key_update(self->conn);
  send_piece(self, len);
}

static void act_on_wire(line *l)
{
  foal__sock *s = fake(l->peer.sock);
  uint64_t luck = draw(300);
  if (s->closing || s->end.err != FOAL_OK) return;
  s->taking = draw(3) == 0 ? FAKE_TAKES : FAKE_HOLDS;
  if (luck == 0 && fake_unwritten(l->peer.sock) > 0) {
    fake_fail_write(l->peer.sock, FOAL_RESET);
  } else if (luck == 1) {
    fake_end(l->peer.sock, draw(2) == 0 ? FOAL_CLEAN : FOAL_RESET);
  } else if (luck == 2) {
    fake_bytes(l->peer.sock, "this is no record of TLS", 24);
  } else if (luck >= 3 && luck < 20 && !l->peer.failed) {
    fake_peer_say(&l->peer, "what the peer says", 18);
  } else {
    (void)fake_take(l->peer.sock, 1 + draw(luck < 150 ? 30000 : 100));
  }
}

static void act_in_turn(line *l)
{
  static const uint32_t most[] = {1, 20, 3000, 70000};
  static const uint32_t ends[] = {TALK_CLOSE, TALK_ABORT, TALK_FINISH, TALK_END};
  uint64_t luck = draw(200);
  if (luck < 100) talk_tell(l->tag, TALK_CALL, (uint32_t)draw(most[draw(4)] + 1));
  if (luck == 100) talk_tell(l->tag, ends[draw(4)], 0);
}

static bool chaos(unsigned n)
{
  line *l = &lines[draw(LINES)];
  if (n == 0) {
    for (unsigned i = 0; i < LINES; i++) fake_arrive();
  } else if (n == 1) {
    for (unsigned i = 0; i < LINES; i++)
      fake_peer_call(&lines[i].peer, fake_count() - LINES + i);
  } else if (n < STEPS) {
    must(lines_open == LINES);
    if (!l->peer.end_seen) act_on_wire(l);
    if (l->plan.closed_count == 0) act_in_turn(l);
  } else if (n == STEPS) {
    for (l = lines; l < lines + LINES; l++) {
      if (l->plan.closed_count == 0) talk_tell(l->tag, TALK_CLOSE, 0);
    }
    foal_listener_close(first->plan.listener);
  }
  return n <= STEPS;
}

Test(conf_lori_more, ssl_receipts_once_and_in_order_whatever_happens)
{
  unsigned sent = 0, failed = 0;
  talk_called = send_some;
  fake_step = chaos;
  fake_react = fake_peers_move;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    foal_conn_options o = {.context = &first->plan};
    rng = seed * UINT64_C(0x9E3779B97F4A7C15);
    memset(lines, 0, sizeof lines);
    lines_open = 0;
    for (line *l = lines; l < lines + LINES; l++) {
      l->plan.receipt = check_receipt;
      l->plan.quiet = true;
    }
    first->plan.opened = take_a_line;
    fake_restart();
    kit_start(1);
    talk_serve(&first->plan, kit_server_ctx, &o);
    kit_run();
    for (line *l = lines; l < lines + LINES; l++) {
      cr_assert_eq(l->plan.closed_count, 1);
      cr_assert_eq(l->settled, l->accepted);
      cr_assert(kit_is_pattern(l->peer.got, 0, l->peer.got_len));
      sent += l->plan.sent_count;
      failed += l->plan.failed_count;
    }
    fake_peers_end();
  }
  cr_log_info("%u sent, %u failed", sent, failed);
  cr_assert_gt(sent, 200);
  cr_assert_gt(failed, 20);
}
