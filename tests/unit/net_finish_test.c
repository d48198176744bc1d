/* net_finish_test.c - who has finished writing goes on reading, also when what was
 * written has stopped the reading. */
#include "net_kit.h"

enum { ANSWER = 3000000, PART = 3000 };
static point_plan server;
static int tls_version; /* -1: plain */
static uint8_t all[ANSWER];

/* The answer is larger than all queues on the way: it is written without room, which
 * stops reading, and then there is nothing more to be written. */
HOOK answer_and_finish(point *self, foal_buf **data)
{
  foal_buf *b;
  foal_buf_drop(data);
  for (; self->sent < ANSWER; self->sent += 100000) {
    kit_pattern(&b, self->sent, 100000);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_finish(self->conn);
}

static void asks_on(uint16_t port)
{
  static peer p;
  static uint8_t question[PART];
  size_t rest;
  peer_open(&p, port);
  if (tls_version >= 0) peer_tls(&p, tls_version);
  for (int i = 0; i < 2; i++) { /* the second part comes when the answer has begun */
    peer_say(&p, question, PART);
    peer_send(&p, PART);
    if (i == 0) must(peer_read(&p, all, 1000) == 1000);
  }
  while (server.received_bytes < 2 * PART) peer_pause(1);
  must(peer_read(&p, all, ANSWER - 1000) == ANSWER - 1000);
  must(kit_is_pattern(all, 1000, ANSWER - 1000));
  must(peer_read_end(&p, &rest) == 0);
  if (tls_version >= 0) {
    peer_notify(&p);
    peer_send(&p, PART);
  }
  peer_fin(&p);
  peer_close(&p);
}

static void finish_resumes(int version)
{
  tls_version = version;
  kit_start(1);
  server.received = answer_and_finish;
  server.last = 1;
  kit_listen(&server, version < 0 ? NULL : kit_server_ctx, NULL);
  kit_peer(asks_on, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
}

Test(net_finish, resumes_plain, .timeout = 20)
{
  finish_resumes(-1);
}
Test(net_finish, resumes_tls, .timeout = 20)
{
  finish_resumes(0);
}
