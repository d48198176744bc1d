/* peer_client.c - a TLS client that connects a number of times in a row, each time with
 * the session of the time before.
 *
 *    peer_client NAME PORT COUNT REQUEST ANSWER [word...]
 *
 * It connects to 127.0.0.1 and verifies NAME, sends what the file REQUEST holds, and
 * writes what comes to ANSWER.1, ANSWER.2, ... For each connection it prints what it
 * knows of the session (peer.h) and "closed NAME REASON". The status is 0 only if all
 * ended cleanly. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 6, REQUEST_BYTES = 1 << 20 };

typedef struct fetch {
  foal_conn *conn FOAL_REF;
  FILE *out;
} fetch;
FOAL_TAG(fetch)
FOAL_PROTOCOL(fetch)

/* One worker: nobody else looks. */
static struct {
  peer_plan plan;
  foal_connect_options to;
  const char *request_path, *answer_path;
  unsigned long left, at;
  foal_slot session;
} all;

static void next(void) FOAL_TURN;
static void next(void)
{
  fetch_tag tag;
  foal_buf *session;
  all.at++;
  all.left--;
  if (foal_slot_take(&all.session, &session)) {
    all.to.session = session;
    if (!fetch_connect(&all.to, &tag)) abort();
    all.to.session = NULL;
    foal_buf_drop(&session);
  } else if (!fetch_connect(&all.to, &tag)) {
    abort();
  }
}

static void keep_session(fetch *self) FOAL_TURN;
static void keep_session(fetch *self)
{
  foal_buf *saved;
  if (!foal_ssl_save(foal_conn_ssl(self->conn), &saved)) return;
  foal_slot_clear(&all.session);
  foal_slot_put(&all.session, &saved);
}

static void fetch_on_opened(fetch *self, foal_conn *conn)
{
  char facts[PEER_FACTS_BYTES], path[512];
  foal_buf *request;
  self->conn = conn;
  snprintf(path, sizeof path, "%s.%lu", all.answer_path, all.at);
  self->out = fopen(path, "wb");
  FILE *in = fopen(all.request_path, "rb");
  if (self->out == NULL || in == NULL || !foal_buf_new(&request, REQUEST_BYTES)) abort();
  foal_buf_extend(request, fread(foal_buf_tail(request), 1, REQUEST_BYTES, in));
  fclose(in);
  (void)peer_facts(foal_conn_ssl(conn), &all.plan, facts);
  printf("%s", facts);
  foal_conn_write(conn, &request);
}

static void fetch_on_received(fetch *self, foal_buf **data)
{
  (void)fwrite(foal_buf_data(*data), 1, foal_buf_len(*data), self->out);
  foal_buf_drop(data);
  keep_session(self);
}

static void fetch_on_sendable(fetch *self, size_t room)
{
  (void)self, (void)room;
}

static void fetch_on_ended(fetch *self, foal_err why)
{
  if (why == FOAL_CLEAN) keep_session(self);
  foal_conn_close(self->conn);
}

static void fetch_on_closed(fetch *self, foal_err why)
{
  printf("closed %s %s\n", foal_err_name(why), foal_conn_reason(fetch_conn(self)));
  if (self->out != NULL) fclose(self->out);
  if (why == FOAL_CLEAN && all.left > 0) {
    next();
    return;
  }
  foal_slot_clear(&all.session);
  if (why != FOAL_CLEAN) foal_stop(EXIT_FAILURE);
}

FOAL_TRUSTED static int start(void)
{
  next();
  int status = foal_run();
  foal_ssl_ctx_drop(&all.plan.ctx);
  return status;
}

int main(int argc, char **argv)
{
  foal_options options = {.workers = 1};
  char why[600];
  foal_log_threshold(FOAL_LOG_INFO);
  if (foal_options_from(&options, &argc, argv) != FOAL_OK || argc < ARGUMENTS ||
      !foal_port_from(argv[2], &all.to.port))
    return 2;
  if (!peer_plan_make(&all.plan, argv + ARGUMENTS, why, sizeof why)) {
    fprintf(stderr, "%s\n", why);
    return EXIT_FAILURE;
  }
  all.to.host = "127.0.0.1";
  all.to.verify_name = argv[1];
  all.to.ctx = all.plan.ctx;
  all.left = strtoul(argv[3], NULL, 10);
  all.request_path = argv[4];
  all.answer_path = argv[5];
  if (foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  return start();
}
