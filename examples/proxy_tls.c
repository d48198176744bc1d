/* proxy_tls.c - TLS in, TLS or plain out: a reverse proxy for any protocol on TCP.
 *
 *    proxy_tls PORT CERT KEY HOST UPSTREAM_PORT [CA]
 *
 * With CA (a PEM file) the upstream is TLS and must show a certificate for HOST. Each
 * connection is two actors of one type, which send each other what they receive. Each is
 * at most a window ahead of what the other had room for, and mutes itself there: a slow
 * reader on one side slows the sender on the other. A message "stop" would not do: until
 * it arrives, a fast sender has sent any amount. One side's end becomes the other's
 * (half-close), a cut a cut. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct side side;
FOAL_TAG(side)
struct side {
  foal_conn *conn FOAL_REF;
  side_tag other;
  size_t ahead_bytes; /* sent to the other side, which has not said that it has room */
  size_t owed_bytes;  /* of the other's, to be said when there is room again */
};
FOAL_PROTOCOL(side)
FOAL_BEHAVIOUR1(side, meet, side_tag, other)
FOAL_BEHAVIOUR_ISO(side, forward)
FOAL_BEHAVIOUR1(side, taken, size_t, bytes)
FOAL_BEHAVIOUR0(side, finish)
FOAL_BEHAVIOUR1(side, hang_up, foal_err, why)

enum { EXIT_USAGE = 2, WINDOW_BYTES = 65536 };

static foal_connect_options upstream; /* the same for all, set before foal_run */

static void side_on_opened(side *self, foal_conn *conn)
{
  self->conn = conn;
  if (!foal_tag_is_nobody(self->other.any)) { /* the upstream is there: go */
    side_taken(self->other, 0);
    return;
  }
  foal_conn_mute(conn);
  if (side_connect(&upstream, &self->other)) {
    side_meet(self->other, side_self(self));
  } else {
    foal_conn_abort(conn, FOAL_NO_MEMORY);
  }
}

static void side_on_meet(side *self, side_tag other)
{
  self->other = other;
}

static void side_on_received(side *self, foal_buf **data)
{
  self->ahead_bytes += foal_buf_len(*data);
  if (self->ahead_bytes >= WINDOW_BYTES) foal_conn_mute(self->conn);
  side_forward(self->other, data);
}

static void side_on_forward(side *self, foal_buf **data)
{
  self->owed_bytes += foal_buf_len(*data);
  foal_conn_write(self->conn, data);
  side_on_sendable(self, foal_conn_room(self->conn));
}

static void side_on_sendable(side *self, size_t room)
{
  if (room == 0 || self->owed_bytes == 0) return;
  side_taken(self->other, self->owed_bytes);
  self->owed_bytes = 0;
}

static void side_on_taken(side *self, size_t bytes)
{
  self->ahead_bytes -= bytes;
  if (self->ahead_bytes < WINDOW_BYTES) foal_conn_unmute(self->conn);
}

static void side_on_ended(side *self, foal_err why)
{
  if (why == FOAL_CLEAN) side_finish(self->other);
  if (why == FOAL_STOPPED) foal_conn_close(self->conn);
}

static void side_on_finish(side *self)
{
  foal_conn_finish(self->conn);
}

static void side_on_closed(side *self, foal_err why)
{
  if (!foal_tag_is_nobody(self->other.any)) side_hang_up(self->other, why);
}

static void side_on_hang_up(side *self, foal_err why)
{
  if (self->conn == NULL) {
    foal_actor_end(why); /* still connecting */
  } else if (why == FOAL_CLEAN || why == FOAL_LOCAL) {
    foal_conn_close(self->conn);
  } else {
    foal_conn_abort(self->conn, why);
  }
}

int main(int argc, char **argv)
{
  foal_options options = {0};
  foal_listen_options where = {.ctx = foal_ssl_ctx_new()};
  foal_listener listener;
  foal_log_threshold(FOAL_LOG_INFO); /* also says why a peer was turned away */
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return EXIT_USAGE;
  if (argc < 6 || argc > 7 || !foal_port_from(argv[1], &where.port) ||
      !foal_port_from(argv[5], &upstream.port)) {
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr,
            "usage: %s PORT CERT KEY HOST UPSTREAM_PORT [CA]\n"
            "Proxies TLS to HOST; with CA, a PEM file, HOST is spoken to over TLS too.\n",
            argv[0]);
    return help ? EXIT_SUCCESS : EXIT_USAGE;
  }
  upstream.host = argv[4];
  upstream.ctx = argc == 7 ? foal_ssl_ctx_new() : NULL;
  foal_ssl_ctx *used = where.ctx;
  foal_err err = foal_ssl_ctx_use_cert(used, argv[2], argv[3]);
  if (err == FOAL_OK && argc == 7)
    err = foal_ssl_ctx_trust_file(used = upstream.ctx, argv[6]);
  if (err != FOAL_OK) fprintf(stderr, "%s\n", foal_ssl_ctx_detail(used));
  if (err != FOAL_OK || foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  if (side_listen(&where, &listener) != FOAL_OK)
    return EXIT_FAILURE; /* the log says why */
  printf("listening on port %u\n", listener.port);
  fflush(stdout);
  int status = foal_run();
  foal_ssl_ctx_drop(&where.ctx);
  foal_ssl_ctx_drop(&upstream.ctx);
  return status;
}
