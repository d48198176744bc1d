/* probe_server.c - a TLS server that says on standard output what its protocol was told.
 *
 *    probe_server        "port N", then for each connection "opened", "received N",
 *                        "ended NAME" and "closed NAME", one per line
 *
 * A message "send N" is answered with N bytes, after the peer's end too; any other one
 * with itself. It ends on SIGTERM. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 30000 };

typedef struct probe {
  foal_conn *conn FOAL_REF;
  size_t owed;
  bool ended;
} probe;
FOAL_TAG(probe)
FOAL_PROTOCOL(probe)

static void say(const char *what, const char *detail)
{
  printf("%s %s\n", what, detail);
  fflush(stdout);
}

static void pay(probe *self) FOAL_TURN;
static void pay(probe *self)
{
  while (self->owed > 0 && foal_conn_room(self->conn) > 0) {
    size_t n = self->owed < CHUNK ? self->owed : CHUNK;
    foal_buf *b;
    if (!foal_buf_new(&b, n)) abort();
    memset(foal_buf_tail(b), 'x', n);
    foal_buf_extend(b, n);
    self->owed -= n;
    foal_conn_write(self->conn, &b);
  }
  if (self->owed == 0 && self->ended) foal_conn_close(self->conn);
}

static void probe_on_opened(probe *self, foal_conn *conn)
{
  self->conn = conn;
  say("opened", "");
}

static void probe_on_received(probe *self, foal_buf **data)
{
  char text[32];
  size_t n = foal_buf_len(*data);
  snprintf(text, sizeof text, "%zu", n);
  say("received", text);
  if (n > 5 && n < sizeof text && memcmp(foal_buf_data(*data), "send ", 5) == 0) {
    memcpy(text, foal_buf_data(*data), n);
    text[n] = '\0';
    self->owed = strtoul(text + 5, NULL, 10);
    foal_buf_drop(data);
    pay(self);
  } else {
    foal_conn_write(self->conn, data);
  }
}

static void probe_on_sendable(probe *self, size_t room)
{
  (void)room;
  pay(self);
}

static void probe_on_ended(probe *self, foal_err why)
{
  say("ended", foal_err_name(why));
  self->ended = true;
  pay(self);
}

static void probe_on_closed(probe *self, foal_err why)
{
  (void)self;
  say("closed", foal_err_name(why));
}

int main(void)
{
  foal_options options = {.workers = 1};
  foal_listener listener;
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL || foal_ssl_ctx_self_signed(ctx, "localhost") != FOAL_OK)
    return EXIT_FAILURE;
  if (foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  foal_listen_options where = {.host = "127.0.0.1", .ctx = ctx};
  if (probe_listen(&where, &listener) != FOAL_OK) return EXIT_FAILURE;
  foal_ssl_ctx_drop(&ctx);
  printf("port %u\n", listener.port);
  fflush(stdout);
  return foal_run();
}
