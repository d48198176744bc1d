/* client_tls.c - fetches one page over verified TLS and writes it to standard output.
 *
 *    client_tls HOST PORT [PATH [CA]]
 *
 * Trusts what the system trusts, or only the authorities in CA, a PEM file. The status is
 * 0 only if the server ended the answer cleanly: a cut is not taken for the end. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fetch {
  foal_conn *conn FOAL_REF;
} fetch;
FOAL_TAG(fetch)
FOAL_PROTOCOL(fetch)

enum { EXIT_USAGE = 2 };

typedef struct page {
  const char *host, *path;
} page;

static void fetch_on_opened(fetch *self, foal_conn *conn)
{
  const page *wanted = (const page *)foal_conn_context(conn);
  char text[2048];
  foal_buf *request;
  self->conn = conn;
  int n = snprintf(text, sizeof text,
                   "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
                   wanted->path, wanted->host);
  if (n > 0 && (size_t)n < sizeof text && foal_buf_from(&request, text, (size_t)n)) {
    foal_conn_write(conn, &request);
  } else {
    foal_conn_abort(conn, FOAL_BAD_ARGUMENT);
  }
}

static void fetch_on_received(fetch *self, foal_buf **data)
{
  (void)self;
  (void)fwrite(foal_buf_data(*data), 1, foal_buf_len(*data), stdout);
  foal_buf_drop(data);
}

static void fetch_on_sendable(fetch *self, size_t room)
{
  (void)self, (void)room;
}
static void fetch_on_ended(fetch *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void fetch_on_closed(fetch *self, foal_err why)
{
  (void)self;
  if (why != FOAL_CLEAN) foal_stop(EXIT_FAILURE); /* the log says what happened */
}

static int usage(const char *name, FILE *out)
{
  fprintf(out, "usage: %s HOST PORT [PATH [CA]]\nFetches a page over verified TLS.\n",
          name);
  return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

int main(int argc, char **argv)
{
  foal_options options = {.workers = 1};
  foal_log_threshold(FOAL_LOG_INFO);
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return EXIT_USAGE;
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(argv[0], stdout);
  char *end = NULL;
  unsigned long port = argc >= 3 && argc <= 5 ? strtoul(argv[2], &end, 10) : 0;
  if (port == 0 || port > UINT16_MAX || *end != '\0') return usage(argv[0], stderr);

  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  if (ctx == NULL || foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  foal_err err =
      argc == 5 ? foal_ssl_ctx_trust_file(ctx, argv[4]) : foal_ssl_ctx_trust_system(ctx);
  if (err != FOAL_OK) {
    fprintf(stderr, "%s\n", foal_ssl_ctx_detail(ctx));
    return EXIT_FAILURE;
  }
  page wanted = {argv[1], argc > 3 ? argv[3] : "/"};
  fetch_tag tag;
  foal_connect_options to = {
      .host = argv[1], .port = (uint16_t)port, .ctx = ctx, .conn = {.context = &wanted}};
  if (!fetch_connect(&to, &tag)) return EXIT_FAILURE;
  foal_ssl_ctx_drop(&ctx);
  return foal_run();
}
