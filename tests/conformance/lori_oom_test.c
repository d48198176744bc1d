/* lori_oom_test.c - the n-th allocation fails, for every n, while pieces are sent and a
 * connection is turned into TLS: every accepted piece has its one receipt all the same.
 *
 * Brings its own memory seam beside the fake backend. What is achieved may differ; that
 * a receipt is true, that everything ends and that nothing is left may not. */
#include "fake_peer.h"
#include "lori_kit.h"
#include "runtime/impl/alloc.h"

TestSuite(conf_lori_more, .timeout = 120);

enum { PIECES_MAX = 16, ROUNDS_MAX = 300, IN_A_ROW = 12 };

/* ---- memory ---- */

static int allocations, fails_from, fails_to, live;
static bool armed;

static bool fails(void)
{
  if (!armed) return false;
  int n = ++allocations;
  return n >= fails_from && n < fails_to;
}

void *foal__alloc(size_t size)
{
  void *p = fails() ? NULL : malloc(size);
  if (p != NULL) live++;
  return p;
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  void *p = fails() ? NULL : aligned_alloc(align, size);
  if (p != NULL) live++;
  return p;
}

void foal__free(void *p)
{
  if (p != NULL) live--;
  free(p);
}

/* ---- the connection ---- */

static talk_plan plan;
static talk_tag one;
static fake_peer other;
static uint64_t end[PIECES_MAX]; /* where each accepted piece ends */
static bool in_plain[PIECES_MAX];
static uint64_t plain_end; /* where the plain part of the stream ends */
static unsigned accepted, settled, refused;

HOOK send_one(talk *self, size_t len)
{
  foal_buf *b;
  if (!foal_buf_new(&b, len)) return;
  foal_buf_extend(b, len);
  foal_err err = foal_conn_send(self->conn, &b, accepted);
  must(err == FOAL_OK || err == FOAL_BAD_STATE || err == FOAL_NO_MEMORY);
  if (err == FOAL_NO_MEMORY) refused++;
  if (err != FOAL_OK) return;
  self->sent += len;
  in_plain[accepted] = foal_conn_ssl(self->conn) == NULL;
  end[accepted++] = self->sent;
}

HOOK check_receipt(talk *self, uint64_t token, foal_err how)
{
  (void)self;
  must(token == settled && settled < accepted && plan.closed_count == 0);
  settled++;
  if (how != FOAL_OK) return;
  must(plan.failed_count == 0);
  if (in_plain[token]) {
    must(fake(fake_count() - 1)->out_len >= end[token]);
  } else {
    (void)fake_peer_move(&other);
    must(other.got_len >= end[token] - plain_end);
  }
}

HOOK begin(talk *self)
{
  one = talk_me(self);
}

HOOK act(talk *self, uint32_t upgrade)
{
  send_one(self, 10);
  send_one(self, 40000);
  if (upgrade == 0) return;
  plain_end = self->sent;
  foal_err err = foal_conn_start_tls(self->conn, kit_server_ctx, NULL);
  must(err == FOAL_OK || err == FOAL_NO_MEMORY || err == FOAL_BAD_STATE);
  if (err == FOAL_OK) return;
  must(foal_conn_ssl(self->conn) == NULL); /* it is as it was */
  foal_conn_close(self->conn);
}

static bool step(unsigned n)
{
  if (n == 0) fake_arrive();
  if (n == 1) armed = true;
  if (n == 1) talk_tell(one, TALK_CALL, 1);
  unsigned sock = fake_count() - 1;
  if (n == 2) fake_peer_call(&other, sock);
  if (n == 3 && other.ready && !other.failed) fake_peer_say(&other, "hi", 2);
  if (n == 3) talk_tell(one, TALK_CALL, 0);
  if (n == 4) talk_tell(one, TALK_CLOSE, 0);
  if (n == 5) fake_end(sock, FOAL_CLEAN);
  return n <= 5;
}

static void no_line(foal_log_level level, const char *line)
{
  (void)level, (void)line;
}

/* One life of a connection; what it asked for of memory is counted from its opening. */
static void live_once(int from, int to)
{
  foal_conn_options o = {.context = &plan,
                         .handshake_ms = 200,
                         .idle_ms = 200,
                         .write_ms = 200,
                         .linger_ms = 100};
  foal_counters c;
  allocations = 0;
  fails_from = from;
  fails_to = to;
  accepted = settled = 0;
  plain_end = 0;
  plan = (talk_plan){.opened = begin, .receipt = check_receipt, .last = 1};
  plan.quiet = true;
  fake_restart();
  kit_start(1);
  talk_serve(&plan, NULL, &o);
  cr_assert_eq(foal_run(), 0);
  armed = false;
  foal_ssl_ctx_drop(&kit_server_ctx);
  foal_ssl_ctx_drop(&kit_client_ctx);
  fake_peers_end();
  foal_counters_read(&c);
  cr_assert_eq(c.actors_live, 0);
  cr_assert_eq(c.bufs_live, 0);
  cr_assert_eq(c.handles_live, 0);
  cr_assert_eq(foal_ssl_live_count(), 0);
  cr_assert_eq(live, 0);
  cr_assert_eq(plan.closed_count, 1);
  cr_assert_eq(settled, accepted);
}

static void every_allocation(int in_a_row)
{
  foal_log_sink(no_line);
  talk_called = act;
  fake_step = step;
  fake_react = fake_peers_move;
  live_once(0, 0);
  int total = allocations;
  cr_assert_eq(plan.sent_count, 4);
  cr_assert_eq(plan.opened_count, 2);
  cr_assert(total > 5 && total < ROUNDS_MAX);
  for (int n = 1; n <= total; n++) live_once(n, n + in_a_row);
  cr_assert_gt(refused, 0); /* the book of receipts itself was refused, too */
}

Test(conf_lori_more, without_memory_once)
{
  every_allocation(1);
}

Test(conf_lori_more, without_memory_for_a_while)
{
  every_allocation(IN_A_ROW);
}
