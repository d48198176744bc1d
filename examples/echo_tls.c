/* echo_tls.c - sends back what it receives, over TLS 1.2 and 1.3.
 *
 *    echo_tls PORT CERT KEY      0 as PORT takes any free one
 *    openssl s_client -connect localhost:PORT -quiet
 *
 * No backpressure code: what is read waits while the answers do not leave. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct echo {
  foal_conn *conn FOAL_REF;
} echo;
FOAL_TAG(echo)
FOAL_PROTOCOL(echo)

static void echo_on_opened(echo *self, foal_conn *conn)
{
  self->conn = conn;
}

static void echo_on_received(echo *self, foal_buf **data)
{
  foal_conn_write(self->conn, data);
}

static void echo_on_sendable(echo *self, size_t room)
{
  (void)self, (void)room;
}

static void echo_on_ended(echo *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void echo_on_closed(echo *self, foal_err why)
{
  (void)self, (void)why;
}

int main(int argc, char **argv)
{
  foal_options options = {0};
  foal_listen_options where = {.ctx = foal_ssl_ctx_new()};
  foal_listener listener;
  foal_log_threshold(FOAL_LOG_INFO); /* also says why a peer was turned away */
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (argc != 4 || !foal_port_from(argv[1], &where.port)) {
    bool help = argc == 2 && strcmp(argv[1], "--help") == 0;
    fprintf(help ? stdout : stderr, "usage: %s PORT CERT KEY (PEM files)\n", argv[0]);
    return help ? EXIT_SUCCESS : 2;
  }
  if (where.ctx == NULL || foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  foal_err err = foal_ssl_ctx_use_cert(where.ctx, argv[2], argv[3]);
  if (err != FOAL_OK) fprintf(stderr, "%s\n", foal_ssl_ctx_detail(where.ctx));
  if (err != FOAL_OK || echo_listen(&where, &listener) != FOAL_OK) return EXIT_FAILURE;
  foal_ssl_ctx_drop(&where.ctx);
  printf("listening on port %u\n", listener.port);
  fflush(stdout);
  return foal_run();
}
