/* net_oom_test.c - the n-th allocation fails, for every n: nothing crashes, leaks or
 * hangs.
 *
 * Brings its own memory seam. The scenario is a TLS server and a client in one
 * program; what it achieves may differ, how it ends may not: exactly one `closed`
 * each, nothing left. */
#include "foal.h"
#include "foal_test.h"
#include "runtime/impl/alloc.h"

#include <stdatomic.h>

enum {
  BYTES = 100000,
  ROUNDS_MAX = 400,
  /* A run queue that cannot grow ends the program: that is documented, not tested
   * here. */
  RUN_QUEUE_BYTES = 1024 * sizeof(void *)
};

static atomic_int allocations, fails_at, live;
static bool for_ever; /* not once, but from then on */

static bool fails(size_t size)
{
  if (size == RUN_QUEUE_BYTES) return false;
  int n = ++allocations;
  return fails_at != 0 && (for_ever ? n >= fails_at : n == fails_at);
}

void *foal__alloc(size_t size)
{
  void *p = fails(size) ? NULL : malloc(size);
  if (p != NULL) live++;
  return p;
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  void *p = fails(size) ? NULL : aligned_alloc(align, size);
  if (p != NULL) live++;
  return p;
}

void foal__free(void *p)
{
  if (p != NULL) live--;
  free(p);
}

typedef struct end end;
FOAL_TAG(end)
struct end {
  foal_conn *conn FOAL_REF;
  size_t got;
};
FOAL_PROTOCOL(end)

static foal_listener listener;
static int role_client;

static void end_on_opened(end *self, foal_conn *conn)
{
  foal_buf *b;
  self->conn = conn;
  if (foal_conn_context(conn) != &role_client) return;
  if (!foal_buf_new(&b, BYTES)) {
    foal_conn_close(conn);
    return;
  }
  memset(foal_buf_tail(b), 'x', BYTES);
  foal_buf_extend(b, BYTES);
  foal_conn_write(conn, &b);
}

static void end_on_received(end *self, foal_buf **data)
{
  if (foal_conn_context(self->conn) != &role_client) {
    foal_conn_write(self->conn, data);
    return;
  }
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
  if (self->got == BYTES) foal_conn_close(self->conn);
}

static void end_on_sendable(end *self, size_t room)
{
  (void)self;
  (void)room;
}

static void end_on_ended(end *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void end_on_closed(end *self, foal_err why)
{
  (void)why;
  if (self->conn == NULL || foal_conn_context(self->conn) == &role_client) {
    foal_listener_close(listener);
  }
}

static void scenario(bool tls)
{
  foal_options options = {.workers = 1, .keep_signals = true};
  foal_conn_options times = {.connect_ms = 200,
                             .handshake_ms = 200,
                             .idle_ms = 200,
                             .write_ms = 200,
                             .linger_ms = 100};
  foal_ssl_ctx *server = NULL, *client = NULL;
  end_tag tag;
  if (foal_start(&options) != FOAL_OK) return;
  if (tls) {
    server = foal_ssl_ctx_new();
    client = foal_ssl_ctx_new();
    cr_assert(server != NULL && client != NULL);
    cr_assert_eq(foal_ssl_ctx_self_signed(server, "localhost"), FOAL_OK);
    cr_assert_eq(foal_ssl_ctx_trust_pem(client, foal_ssl_ctx_self_signed_pem(server)),
                 FOAL_OK);
  }
  foal_listen_options where = {.host = "127.0.0.1", .ctx = server, .conn = times};
  if (end_listen(&where, &listener) == FOAL_OK) {
    foal_connect_options to = {
        .host = "127.0.0.1", .port = listener.port, .ctx = client, .conn = times};
    to.conn.context = &role_client;
    if (!end_connect(&to, &tag)) foal_listener_close(listener);
  }
  foal_ssl_ctx_drop(&server);
  foal_ssl_ctx_drop(&client);
  (void)foal_run();
}

static void no_line(foal_log_level level, const char *line)
{
  (void)level;
  (void)line;
}

static void every_allocation(bool tls, bool persistent)
{
  for_ever = persistent;
  foal_log_sink(no_line);
  int total = ROUNDS_MAX;
  for (int n = 0; n <= total; n++) {
    foal_counters c;
    allocations = 0;
    fails_at = n;
    scenario(tls);
    if (n == 0)
      total = allocations; /* the first round fails nothing: that many there are */
    foal_counters_read(&c);
    cr_assert_eq(c.actors_live, 0);
    cr_assert_eq(c.bufs_live, 0);
    cr_assert_eq(c.handles_live, 0);
    cr_assert_eq(c.accepted + c.connected, c.closed);
    cr_assert_eq(foal_ssl_live_count(), 0);
    cr_assert_eq(live, 0);
  }
  cr_assert_gt(total, 5);
  cr_assert_lt(total, ROUNDS_MAX);
}

Test(net_oom, plain_once, .timeout = 120)
{
  every_allocation(false, false);
}
Test(net_oom, plain_for_ever, .timeout = 120)
{
  every_allocation(false, true);
}
Test(net_oom, tls_once, .timeout = 120)
{
  every_allocation(true, false);
}
Test(net_oom, tls_for_ever, .timeout = 120)
{
  every_allocation(true, true);
}
