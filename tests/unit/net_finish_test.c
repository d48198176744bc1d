/* net_finish_test.c - who has finished writing goes on reading, also when what was
 * written has stopped the reading, or a mute. */
#include "net_kit.h"

#include <sys/socket.h>

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

/* ---- closed while muted ---- */

/* What comes is thrown away, but read: this peer reads only when it has written, and both
 * write far more than the systems between them take. */
enum { PILE = 2000000, PIECE = 50000, SYSTEM_BYTES = 65536, POKES = 300 };
static uint8_t pile[PILE];

HOOK mute_and_poke(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  foal_conn_mute(self->conn);
  point_poke(point_me(self), POKES);
}

/* So many pokes do not fit into one batch, so this one finds the reading stopped: that
 * happens at the end of a batch. */
HOOK answer_and_close(point *self, uint32_t what)
{
  foal_buf *b;
  if (what > 0) {
    point_poke(point_me(self), what - 1);
    return;
  }
  for (; self->sent < PILE; self->sent += PIECE) {
    kit_pattern(&b, self->sent, PIECE);
    foal_conn_write(self->conn, &b);
  }
  foal_conn_close(self->conn);
}

static void writes_first(uint16_t port)
{
  static peer p;
  int bytes = SYSTEM_BYTES;
  size_t rest;
  peer_open(&p, port);
  must(setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
  if (tls_version >= 0) peer_tls(&p, tls_version);
  for (size_t said = 0; said < PILE; said += PIECE) {
    peer_say(&p, pile, PIECE);
    peer_send(&p, 0);
  }
  must(peer_read(&p, pile, PILE) == PILE);
  must(kit_is_pattern(pile, 0, PILE));
  must(peer_read_end(&p, &rest) == 0);
  must(rest == 0);
  if (tls_version >= 0) {
    peer_notify(&p);
    peer_send(&p, 0);
  }
  peer_fin(&p);
  peer_close(&p);
}

static void close_while_muted(int version)
{
  foal_conn_options options = {.write_ms = 5000,
                               .linger_ms = 5000,
                               .linger_bytes = 2 * PILE,
                               .receive_bytes = SYSTEM_BYTES,
                               .send_bytes = SYSTEM_BYTES};
  tls_version = version;
  kit_start(1);
  server.received = mute_and_poke;
  point_poked = answer_and_close;
  server.last = 1;
  kit_listen(&server, version < 0 ? NULL : kit_server_ctx, &options);
  peer_receive_bytes = SYSTEM_BYTES;
  kit_peer(writes_first, server.listener.port);
  kit_run();
  cr_assert_eq(server.closed_count, 1);
  cr_assert_eq(server.why, FOAL_CLEAN);
  cr_assert(server.received_bytes < PILE); /* the rest was thrown away */
}

Test(net_finish, closed_while_muted_plain, .timeout = 20)
{
  close_while_muted(-1);
}

Test(net_finish, closed_while_muted_tls, .timeout = 20)
{
  close_while_muted(0);
}
