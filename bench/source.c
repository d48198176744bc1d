/* source.c - answers every request with 256 MiB from memory: what a download costs when
 * no file is read, as in the yardstick and most peers.
 *
 *    source --cert FILE --key FILE [--port N] [--workers N]
 *
 * A request is whatever ends with an empty line; nothing more is looked at. Its first
 * line tells the port it listens on. Ends on SIGTERM when the last connection has
 * closed. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 256 << 20, PIECE_BYTES = 32768 };

typedef struct source {
  foal_conn *conn FOAL_REF;
  uint64_t left;   /* of the body */
  uint32_t newest; /* the last four bytes that came */
  uint32_t asked;  /* requests that are not answered yet */
} source;
FOAL_TAG(source)
FOAL_PROTOCOL(source)

static const uint8_t page[PIECE_BYTES];

static void send_piece(source *self, const void *bytes, size_t len) FOAL_TURN;
static void send_piece(source *self, const void *bytes, size_t len)
{
  foal_buf *b;
  if (foal_buf_from(&b, bytes, len)) {
    foal_conn_write(self->conn, &b);
  } else {
    foal_conn_abort(self->conn, FOAL_NO_MEMORY);
  }
}

static void answer(source *self, size_t room) FOAL_TURN;
static void answer(source *self, size_t room)
{
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n";
  while (room > 0 && (self->left > 0 || self->asked > 0)) {
    if (self->left == 0) {
      self->asked--;
      self->left = BODY_BYTES;
      send_piece(self, head, sizeof head - 1);
    }
    size_t len = room < PIECE_BYTES ? room : PIECE_BYTES;
    if (len > self->left) len = self->left;
    send_piece(self, page, len);
    self->left -= len;
    room = foal_conn_room(self->conn);
  }
}

static void source_on_opened(source *self, foal_conn *conn)
{
  self->conn = conn;
}

static void source_on_received(source *self, foal_buf **data)
{
  const uint8_t *bytes = foal_buf_bytes(*data);
  for (size_t i = 0; i < foal_buf_len(*data); i++) {
    self->newest = self->newest << 8 | bytes[i];
    if (self->newest == 0x0d0a0d0a) self->asked++;
  }
  foal_buf_drop(data);
  answer(self, foal_conn_room(self->conn));
}

static void source_on_sendable(source *self, size_t room)
{
  answer(self, room);
}

static void source_on_ended(source *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void source_on_closed(source *self, foal_err why)
{
  (void)self, (void)why;
}

int main(int argc, char **argv)
{
  const char *cert = NULL, *key = NULL;
  foal_options options = {.workers = 1};
  foal_listen_options where = {.port = 0};
  foal_listener listener;
  bool ok = argc % 2 == 1;
  for (int i = 1; ok && i < argc; i += 2) {
    if (strcmp(argv[i], "--cert") == 0)
      cert = argv[i + 1];
    else if (strcmp(argv[i], "--key") == 0)
      key = argv[i + 1];
    else if (strcmp(argv[i], "--port") == 0)
      ok = foal_port_from(argv[i + 1], &where.port);
    else if (strcmp(argv[i], "--workers") == 0)
      options.workers = (uint32_t)atoi(argv[i + 1]);
    else
      ok = false;
  }
  if (!ok || cert == NULL || key == NULL) {
    fputs("usage: source --cert FILE --key FILE [--port N] [--workers N]\n", stderr);
    return 2;
  }
  foal_log_threshold(FOAL_LOG_WARNING);
  if (foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  where.ctx = foal_ssl_ctx_new();
  if (where.ctx == NULL || foal_ssl_ctx_use_cert(where.ctx, cert, key) != FOAL_OK)
    return EXIT_FAILURE;
  if (source_listen(&where, &listener) != FOAL_OK) return EXIT_FAILURE;
  foal_ssl_ctx_drop(&where.ctx);
  printf("listening on localhost:%u\n", (unsigned)listener.port);
  fflush(stdout);
  return foal_run();
}
