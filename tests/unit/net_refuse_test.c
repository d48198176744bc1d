/* net_refuse_test.c - libuv, the system and the layers below say no, once, at every call
 * that net/ makes of them in a small program; then some calls one by one.
 *
 * Whatever is refused: no crash, no hang, exactly one `closed` for each connection that
 * was begun, and nothing is left. A message that cannot be made is lost, and what waits
 * for it may wait for ever: a watchman stops the program then, as an operator would. */
#include "net_refusals.h"
#include "unit/run.h"

#define WATCHED_CREATE __real_pthread_create
#include "unit/watched.h"

#include "foal.h"

enum {
  BYTES = 10000, /* of one write: some of them fit into one buffer, not all */
  WRITES = 7,
  PIECE_BYTES = 500, /* of one `received`: more pieces than one turn delivers */
  WAIT_MS = 60,      /* what a refused call leaves hanging ends after it */
  AMPLE_MS = 20000,  /* where nothing hangs, however busy the machine is */
  LINGER_MS = 30
};

static uint32_t wait_ms = WAIT_MS;

/* ---- the program ---- */

typedef struct end end;
FOAL_TAG(end)
struct end {
  foal_conn *conn FOAL_REF;
  size_t got;
  bool opened;
};
FOAL_PROTOCOL(end)

static foal_listener listener;
static foal_ssl_ctx *server_ctx, *client_ctx;
static int role_client, role_abort;
static uint32_t clients_left, closed_count;
static foal_err client_why;
static bool reload_starves; /* there is no memory for the new context */

static bool is_client(const end *self) FOAL_TURN;
static bool is_client(const end *self)
{
  return self->conn != NULL && foal_conn_context(self->conn) != NULL;
}

static void end_on_opened(end *self, foal_conn *conn)
{
  foal_buf *b;
  self->conn = conn;
  self->opened = true;
  foal_conn_expect(conn, PIECE_BYTES);
  if (!is_client(self)) return;
  if (foal_conn_context(conn) == &role_abort) {
    foal_conn_abort(conn, FOAL_LOCAL);
    return;
  }
  for (int i = 0; i < WRITES; i++) {
    if (!foal_buf_new(&b, BYTES)) {
      foal_conn_close(conn);
      return;
    }
    memset(foal_buf_tail(b), 'x', BYTES);
    foal_buf_extend(b, BYTES);
    foal_conn_write(conn, &b);
  }
}

static void end_on_received(end *self, foal_buf **data)
{
  if (!is_client(self)) {
    foal_conn_write(self->conn, data);
    return;
  }
  self->got += foal_buf_len(*data);
  foal_buf_drop(data);
  if (self->got != (size_t)WRITES * BYTES) return;
  if (reload_starves) refuse_next("foal__alloc", 3, 0);
  foal_err err = foal_listener_reload(listener, server_ctx);
  cr_assert(err == FOAL_OK || err == FOAL_NO_MEMORY || err == FOAL_CRYPTO);
  foal_conn_idle(self->conn, wait_ms);
  foal_conn_mute(self->conn);
  foal_conn_unmute(self->conn);
  foal_conn_finish(self->conn);
}

static void end_on_sendable(end *self, size_t room)
{
  (void)self, (void)room;
}

static void end_on_ended(end *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

/* The first client is followed by one that aborts; with it the listener ends. */
static void next_client(void) FOAL_TURN;

static void end_on_closed(end *self, foal_err why)
{
  const void *role = foal_conn_context(end_conn(self));
  closed_count++;
  if (role == NULL) return;
  client_why = why;
  clients_left--;
  next_client();
}

static void next_client(void)
{
  const foal_conn_options times = {.connect_ms = wait_ms,
                                   .handshake_ms = wait_ms,
                                   .idle_ms = wait_ms,
                                   .write_ms = wait_ms,
                                   .linger_ms = LINGER_MS};
  end_tag tag;
  while (clients_left > 0) {
    foal_connect_options to = {.host = clients_left == 2 ? "localhost" : "127.0.0.1",
                               .port = listener.port,
                               .ctx = client_ctx,
                               .verify_name = "localhost",
                               .conn = times};
    to.conn.context = clients_left == 2 ? &role_client : &role_abort;
    if (end_connect(&to, &tag)) return;
    clients_left--;
  }
  foal_listener_close(listener);
}

/* ---- every call ---- */

static void quiet(foal_log_level level, const char *line)
{
  (void)level, (void)line;
}

static void check_end(const char *what, unsigned n)
{
  foal_counters c = counters();
  cr_assert_eq(c.actors_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.bufs_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.handles_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.works_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.accepted + c.connected, c.closed, "%s, call %u", what, n);
  cr_assert_eq(foal_ssl_live_count(), 0, "%s, call %u", what, n);
}

/* Whether all of it worked. */
FOAL_TRUSTED static bool scenario(bool tls)
{
  foal_options options = {.workers = 1};
  foal_listen_options where = {.host = "127.0.0.1", .ctx = tls ? server_ctx : NULL};
  static foal_ssl_ctx *kept;
  kept = client_ctx;
  if (foal_start(&options) != FOAL_OK) return false;
  clients_left = 2;
  closed_count = 0;
  where.conn = (foal_conn_options){.handshake_ms = wait_ms,
                                   .idle_ms = wait_ms,
                                   .write_ms = wait_ms,
                                   .linger_ms = LINGER_MS};
  foal_err err = end_listen(&where, &listener);
  if (!tls) client_ctx = NULL;
  if (err == FOAL_OK) next_client();
  int status = run_watched();
  client_ctx = kept;
  return err == FOAL_OK && status == 0 && closed_count == 4;
}

/* The same with time for everything: nothing is refused. */
static bool works(bool tls)
{
  wait_ms = AMPLE_MS;
  bool all = scenario(tls);
  wait_ms = WAIT_MS;
  return all;
}

static void open_contexts(void)
{
  foal_log_sink(quiet);
  server_ctx = foal_ssl_ctx_new();
  client_ctx = foal_ssl_ctx_new();
  cr_assert_eq(foal_ssl_ctx_self_signed(server_ctx, "localhost"), FOAL_OK);
  cr_assert_eq(
      foal_ssl_ctx_trust_pem(client_ctx, foal_ssl_ctx_self_signed_pem(server_ctx)),
      FOAL_OK);
}

static void close_contexts(void)
{
  foal_ssl_ctx_drop(&server_ctx);
  foal_ssl_ctx_drop(&client_ctx);
}

TestSuite(net_refuse, .init = open_contexts, .fini = close_contexts, .timeout = 170);

static refusable *always; /* says no to every call, with EAGAIN */

static void rearm(void)
{
  refuse_none();
  if (always == NULL) return;
  always->error = EAGAIN;
  refuse_at(always, 1, 1000000);
}

/* The n-th call of f says no, for each n; returns how many there are. */
static unsigned sweep(refusable *r, int error, bool tls)
{
  rearm();
  (void)scenario(tls);
  unsigned calls = r->calls;
  for (unsigned n = 1; n <= calls; n++) {
    rearm();
    r->error = error;
    refuse_at(r, n, 1);
    (void)scenario(tls);
    check_end(r->name, n);
  }
  refuse_none();
  return calls;
}

static void sweep_all(bool tls)
{
  cr_assert(works(tls), "it works when nothing is refused: %d", (int)client_why);
  for (refusable *r = refusables; r != NULL; r = r->next) {
    if (r != &refusable_foal__message) (void)sweep(r, EIO, tls);
  }
  cr_assert(works(tls), "and again afterwards");
}

Test(net_refuse, anything_plain)
{
  sweep_all(false);
}

Test(net_refuse, anything_tls)
{
  sweep_all(true);
}

Test(net_refuse, other_errors)
{
  static const struct {
    const char *name;
    int error;
  } list[] = {
      {"send", EAGAIN},         {"send", EPIPE},           {"recv", EAGAIN},
      {"recv", ECONNRESET},     {"recv", EINTR},           {"uv_getaddrinfo", ENOMEM},
      {"uv_loop_init", ENOMEM}, {"uv_loop_init", EMFILE},  {"uv_async_init", ENFILE},
      {"accept4", EMFILE},      {"accept4", ECONNABORTED}, {"accept4", EAGAIN}};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
    cr_assert_gt(sweep(refusable_named(list[i].name), list[i].error, false), 0);
}

/* The system takes nothing at once: every write waits in libuv, and then fails. */
Test(net_refuse, writes_that_wait)
{
  static const char *const list[] = {"foal__alloc", "uv_write", "uv_fileno", "ioctl"};
  always = &refusable_send;
  rearm();
  cr_assert(works(false));
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
    cr_assert_gt(sweep(refusable_named(list[i]), EIO, false), 0, "%s", list[i]);
}

/* Connections that die while they wait are passed over, also a whole crowd of them. */
Test(net_refuse, a_crowd_that_died_waiting)
{
  refuse_none();
  refusable_accept4.error = ECONNABORTED;
  refuse_at(&refusable_accept4, 1, 200);
  cr_assert(works(false));
  check_end("accept4", 200);
}

static bool goes_on;

static void listen_to(foal_log_level level, const char *line)
{
  (void)level;
  goes_on = goes_on || strstr(line, "the old context goes on serving") != NULL;
}

Test(net_refuse, a_new_context_needs_memory)
{
  refuse_none();
  foal_log_sink(listen_to);
  reload_starves = true;
  (void)scenario(true);
  check_end("foal__alloc", 0);
  cr_assert(goes_on);
}

/* What foal_start needs of the system. */
Test(net_refuse, the_runtime_starts_or_says_why)
{
  static const struct {
    const char *name;
    int error;
    foal_err want;
  } list[] = {{"uv_loop_init", EMFILE, FOAL_FILE_LIMIT},
              {"uv_loop_init", ENFILE, FOAL_FILE_LIMIT},
              {"uv_loop_init", ENOMEM, FOAL_NO_MEMORY},
              {"uv_async_init", EIO, FOAL_IO},
              {"uv_signal_init", EMFILE, FOAL_FILE_LIMIT},
              {"uv_signal_start", EIO, FOAL_IO},
              {"foal__alloc", 0, FOAL_NO_MEMORY}};
  foal_options options = {.workers = 2};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    refuse_none();
    refuse_next(list[i].name, 1, list[i].error);
    foal_err err = foal_start(&options);
    cr_assert_eq(err, list[i].want, "%s: %s", list[i].name, foal_err_name(err));
    check_end(list[i].name, 1);
  }
  refuse_none();
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert_eq(foal_run(), 0);
}

Test(net_refuse, any_message_may_be_lost_plain)
{
  cr_assert_gt(sweep(&refusable_foal__message, 0, false), 20);
}

Test(net_refuse, any_message_may_be_lost_tls)
{
  cr_assert_gt(sweep(&refusable_foal__message, 0, true), 20);
}
