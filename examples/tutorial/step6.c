/* step6.c - the whole chat server, with a line for the operator.
 *
 *    step6 PORT OPERATOR_PORT CERT KEY       PEM files; 0 as a port takes any free one
 *
 * The chat is ../chat.c: names that are taken once, a room, and a bound behind which who
 * does not read is cut off. The operator connects from this machine, without TLS, and
 * types one letter a line: r reads the certificate again, s stops the server. */
#include "../chat.h"

#include <stdio.h>

/* Set before foal_run and only read afterwards: all connections may look at it. */
typedef struct server {
  foal_listener chat;
  const char *cert, *key;
} server;

/* NULL: it cannot be used; the log says why. */
static foal_ssl_ctx *context_of(const server *s)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL) return NULL;
  if (foal_ssl_ctx_use_cert(ctx, s->cert, s->key) == FOAL_OK) return ctx;
  foal_log(FOAL_LOG_ERROR, "%s", foal_ssl_ctx_detail(ctx));
  foal_ssl_ctx_drop(&ctx);
  return NULL;
}

/* ---- the operator ---- */

typedef struct keeper {
  foal_conn *conn FOAL_REF;
} keeper;
FOAL_TAG(keeper)
FOAL_PROTOCOL(keeper)

static void keeper_on_opened(keeper *self, foal_conn *conn)
{
  self->conn = conn;
  foal_conn_expect(conn, 2); /* every `received` has exactly two bytes: letter, newline */
}

static int reload(const server *s, char *text, size_t size)
{
  foal_ssl_ctx *ctx = context_of(s);
  int len;
  if (ctx != NULL && foal_listener_reload(s->chat, ctx) == FOAL_OK) {
    long long days = (long long)foal_ssl_ctx_expires_s(ctx) / 86400;
    len = snprintf(text, size, "read again: good for %lld days\n", days);
  } else {
    len = snprintf(text, size, "not usable: the old one stays\n");
  }
  foal_ssl_ctx_drop(&ctx); /* the listener has a handle of its own */
  return len;
}

static void keeper_on_received(keeper *self, foal_buf **data)
{
  char text[128];
  int len = 0;
  foal_buf *answer;
  const uint8_t *line = foal_buf_data(*data);
  switch (line[1] == '\n' ? line[0] : 0) {
  case 'r':
    len = reload(foal_conn_context(self->conn), text, sizeof text);
    break;
  case 's':
    foal_drain();
    break;
  default:
    foal_conn_abort(self->conn, FOAL_BAD_ARGUMENT);
  }
  foal_buf_drop(data);
  if (foal_buf_from(&answer, text, (size_t)len)) foal_conn_write(self->conn, &answer);
}

static void keeper_on_sendable(keeper *self, size_t room_bytes)
{
  (void)self, (void)room_bytes;
}

static void keeper_on_ended(keeper *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void keeper_on_closed(keeper *self, foal_err why)
{
  (void)self, (void)why;
}

int main(int argc, char **argv)
{
  server all = {0};
  chat_options chat = {0};
  foal_listener listener;
  foal_listen_options keepers = {
      .host = "127.0.0.1", .connections_max = 4, .conn = {.context = &all}};
  if (argc != 5 || !foal_port_from(argv[1], &chat.listen.port) ||
      !foal_port_from(argv[2], &keepers.port)) {
    fprintf(stderr, "usage: %s PORT OPERATOR_PORT CERT KEY\n", argv[0]);
    return 2;
  }
  all.cert = argv[3];
  all.key = argv[4];
  foal_log_threshold(FOAL_LOG_INFO);
  chat.listen.ctx = context_of(&all);
  if (chat.listen.ctx == NULL || foal_start(NULL) != FOAL_OK) return 1;
  bool open = chat_open(&chat, &all.chat) == FOAL_OK &&
              keeper_listen(&keepers, &listener) == FOAL_OK;
  foal_ssl_ctx_drop(&chat.listen.ctx);
  if (!open) return 1;
  printf("listening on port %u, for the operator on port %u\n", all.chat.port,
         listener.port);
  fflush(stdout);
  return foal_run();
}
