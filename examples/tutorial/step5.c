/* step5.c - the chat server over TLS: the name is what a certificate proves.
 *
 *    step5 PORT CERT KEY CA      PEM files; 0 as PORT takes any free one
 *
 * Clients need a certificate that CA has signed; its name, CN=..., is their name in the
 * chat. The connection is used as in step4.c: TLS is an option of the listener. SIGINT
 * and SIGTERM end the server gently: everybody is told, and what was written goes out. */
#include "hall.h"

#include <stdio.h>
#include <string.h>

static hall_tag the_hall; /* set before foal_run */

typedef struct member {
  foal_conn *conn FOAL_REF;
  uint32_t len;
  char name[NAME_BYTES], line[LINE_BYTES_MAX];
} member;
FOAL_PROTOCOL(member)
FOAL_HANDLE_VAL(member, hear)

static void tell(member *self, const void *text, size_t len) FOAL_TURN;
static void tell(member *self, const void *text, size_t len)
{
  foal_buf *b;
  if (foal_buf_from(&b, text, len)) {
    foal_conn_write(self->conn, &b);
  } else {
    foal_conn_abort(self->conn, FOAL_NO_MEMORY); /* better gone than with a gap */
  }
}

/* After the handshake: the certificate is there, and verified. */
static void member_on_opened(member *self, foal_conn *conn)
{
  char subject[sizeof self->name + 3];
  size_t len = foal_ssl_peer_subject(foal_conn_ssl(conn), subject, sizeof subject);
  self->conn = conn;
  if (len < 4 || len >= sizeof subject || memcmp(subject, "CN=", 3) != 0) {
    foal_conn_abort(conn, FOAL_AUTH_FAILED); /* no name, or too long a one */
    return;
  }
  snprintf(self->name, sizeof self->name, "%s", subject + 3);
  hall_join(the_hall, member_self(self));
  tell(self, "welcome\n", 8);
}

static void member_on_received(member *self, foal_buf **data)
{
  const uint8_t *bytes = foal_buf_data(*data);
  for (size_t i = 0; i < foal_buf_len(*data); i++) {
    if (bytes[i] == '\n') {
      hall_say_line(the_hall, self->name, self->line, self->len);
      self->len = 0;
    } else if (self->len == LINE_BYTES_MAX) {
      foal_conn_abort(self->conn, FOAL_LIMIT);
      break;
    } else if (bytes[i] >= ' ') {
      self->line[self->len++] = (char)bytes[i];
    }
  }
  foal_buf_drop(data);
}

static void member_on_hear(member *self, foal_val **line)
{
  if (foal_conn_room(self->conn) > 0)
    tell(self, foal_val_data(*line), foal_val_len(*line));
  foal_val_drop(line);
}

static void member_on_sendable(member *self, size_t room_bytes)
{
  (void)self, (void)room_bytes;
}

static void member_on_ended(member *self, foal_err why)
{
  if (why == FOAL_STOPPED) tell(self, "the server stops\n", 17);
  foal_conn_close(self->conn);
}

static void member_on_closed(member *self, foal_err why)
{
  printf("%s has gone: %s\n", self->name[0] ? self->name : "somebody",
         foal_err_text(why));
}

/* The context: who we are, and whom we believe. */
static foal_ssl_ctx *context_from(char **files)
{
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL) return NULL;
  foal_err err = foal_ssl_ctx_use_cert(ctx, files[0], files[1]);
  if (err == FOAL_OK) err = foal_ssl_ctx_trust_file(ctx, files[2]);
  if (err == FOAL_OK) err = foal_ssl_ctx_client_cert(ctx, FOAL_CLIENT_CERT_REQUIRED);
  if (err == FOAL_OK) return ctx;
  fprintf(stderr, "%s\n", foal_ssl_ctx_detail(ctx)); /* which file, what, what to do */
  foal_ssl_ctx_drop(&ctx);
  return NULL;
}

int main(int argc, char **argv)
{
  foal_listen_options where = {.connections_max = MEMBERS_MAX};
  foal_listener listener;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc != 5 || !foal_port_from(argv[1], &where.port)) {
    fprintf(stderr, "usage: %s PORT CERT KEY CA\n", argv[0]);
    return 2;
  }
  where.ctx = context_from(argv + 2);
  if (where.ctx == NULL || foal_start(NULL) != FOAL_OK || !hall_open(&the_hall)) return 1;
  foal_err err = member_listen(&where, &listener);
  foal_ssl_ctx_drop(&where.ctx); /* the listener has a handle of its own */
  if (err != FOAL_OK) return 1;
  printf("listening on port %u\n", listener.port);
  return foal_run();
}
