/* echo.c - sends back what it receives, plain or over TLS: what small messages and bulk
 * both ways cost.
 *
 *    echo [--cert FILE --key FILE] [--port N] [--workers N] [--busy N] [--busy-us N]
 *
 * Without a certificate it speaks plain TCP. Its first line tells the port it listens
 * on. Nothing of its own is in the figure: the buffers that arrive leave again, and no
 * backpressure code is needed, for what is read waits while the answers do not leave.
 * --busy: so many actors that never rest, with 50 us (--busy-us) of work for each message
 * they send themselves: what the others must wait for.
 * Ends on SIGTERM when the last connection has closed. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* ---- those that never rest ---- */

static uint64_t work_ns = 50000; /* written before the runtime starts */

typedef struct hog {
  uint64_t turns;
} hog;
FOAL_TAG(hog)
FOAL_ACTOR(hog)
FOAL_BEHAVIOUR0(hog, toil)

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void hog_on_toil(hog *self)
{
  uint64_t until_ns = now_ns() + work_ns;
  while (now_ns() < until_ns) self->turns++;
  hog_toil(hog_self(self));
}

static bool spawn_hogs(int count)
{
  for (int i = 0; i < count; i++) {
    hog_tag one;
    if (!hog_spawn(&one)) return false;
    hog_toil(one);
  }
  return true;
}

int main(int argc, char **argv)
{
  const char *cert = NULL, *key = NULL;
  foal_options options = {.workers = 1};
  foal_listen_options where = {.port = 0};
  foal_listener listener;
  int busy = 0;
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
    else if (strcmp(argv[i], "--busy") == 0)
      busy = atoi(argv[i + 1]);
    else if (strcmp(argv[i], "--busy-us") == 0)
      work_ns = (uint64_t)atoi(argv[i + 1]) * 1000;
    else
      ok = false;
  }
  if (!ok || (cert == NULL) != (key == NULL)) {
    fputs("usage: echo [--cert FILE --key FILE] [--port N] [--workers N] [--busy N] "
          "[--busy-us N]\n",
          stderr);
    return 2;
  }
  foal_log_threshold(FOAL_LOG_WARNING);
  if (foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  if (cert != NULL) {
    where.ctx = foal_ssl_ctx_new();
    if (where.ctx == NULL || foal_ssl_ctx_use_cert(where.ctx, cert, key) != FOAL_OK)
      return EXIT_FAILURE;
  }
  if (echo_listen(&where, &listener) != FOAL_OK || !spawn_hogs(busy)) return EXIT_FAILURE;
  if (where.ctx != NULL) foal_ssl_ctx_drop(&where.ctx);
  printf("listening on localhost:%u\n", (unsigned)listener.port);
  fflush(stdout);
  return foal_run();
}
