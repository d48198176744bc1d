/* pitfalls_receipts_test.c - what becomes of what was sent: mistakes of other stacks,
 * over real sockets. Which, and how: docs/pitfalls.md. */
#include "unit/net_kit.h"

typedef struct sender {
  foal_conn *conn FOAL_REF;
  uint64_t next, told; /* tokens: accepted, and answered by a receipt */
  uint32_t draw;
  bool failed, inside, done;
} sender;
FOAL_TAG(sender)
FOAL_PROTOCOL_RECEIPTS(sender)

static point_plan server;
static uint64_t goal; /* pieces to be sent */
static uint32_t piece_bytes, senders_left;
static bool from_receipts, random_ends;
static enum { NEVER, BY_CLOSE, BY_ABORT } ends_in_receipt;
static uint64_t accepted, sent, failed;

static uint32_t draw(sender *self)
{
  self->draw = self->draw * 1664525u + 1013904223u;
  return self->draw >> 16;
}

static bool send_one(sender *self) FOAL_TURN;
static bool send_one(sender *self)
{
  foal_buf *b;
  kit_pattern(&b, 0, piece_bytes);
  if (foal_conn_send(self->conn, &b, self->next) != FOAL_OK) return false;
  self->next++;
  accepted++;
  return true;
}

static void maybe_end(sender *self) FOAL_TURN;
static void maybe_end(sender *self)
{
  if (!random_ends) return;
  switch (draw(self) % 24) {
  case 0:
    foal_conn_abort(self->conn, FOAL_LOCAL);
    break;
  case 1:
    foal_conn_close(self->conn);
    break;
  case 2:
    foal_conn_finish(self->conn);
    break;
  default:
    break;
  }
}

static void send_all(sender *self) FOAL_TURN;
static void send_all(sender *self)
{
  while (self->next < goal && foal_conn_room(self->conn) > 0) {
    if (!send_one(self)) return;
    maybe_end(self);
  }
  if (self->next == goal && !random_ends) foal_conn_close(self->conn);
}

static void sender_on_opened(sender *self, foal_conn *conn)
{
  self->conn = conn;
  self->draw = ++senders_left * 2654435761u;
  self->inside = true;
  if (from_receipts)
    (void)!send_one(self);
  else
    send_all(self);
  self->inside = false;
}

static void sender_on_received(sender *self, foal_buf **data)
{
  foal_buf_drop(data);
  maybe_end(self);
}

static void sender_on_sendable(sender *self, size_t room_bytes)
{
  (void)room_bytes;
  if (!from_receipts) send_all(self);
}

static void sender_on_ended(sender *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

/* With the first receipt; others are owed then, and what is said later is refused. */
static void end_in_receipt(sender *self) FOAL_TURN;
static void end_in_receipt(sender *self)
{
  if (self->told != 1) return;
  if (ends_in_receipt == BY_CLOSE) foal_conn_close(self->conn);
  if (ends_in_receipt == BY_ABORT) foal_conn_abort(self->conn, FOAL_LOCAL);
  if (ends_in_receipt == NEVER) return;
  must(self->next > self->told);
  must(foal_conn_room(self->conn) == 0);
  must(!send_one(self));
}

/* One for each, in order, never inside a call of ours, none behind `closed`; once one has
 * failed, all that follow have. */
static void sender_on_receipt(sender *self, uint64_t token, foal_err how)
{
  must(!self->inside && !self->done);
  must(token == self->told && token < self->next);
  must(how != FOAL_OK || !self->failed);
  self->told++;
  self->failed = how != FOAL_OK;
  if (how == FOAL_OK)
    sent++;
  else
    failed++;
  self->inside = true;
  if (from_receipts && self->next < goal) (void)!send_one(self);
  if (from_receipts && self->told == goal) foal_conn_close(self->conn);
  end_in_receipt(self);
  self->inside = false;
}

static void sender_on_closed(sender *self, foal_err why)
{
  (void)why;
  must(!self->done);
  must(self->told == self->next);
  self->done = true;
}

HOOK takes(point *self, foal_buf **data)
{
  if (random_ends && self->plan->received_bytes % 7 == 0)
    foal_conn_abort(self->conn, FOAL_LOCAL);
  foal_buf_drop(data);
}

static void run(unsigned senders, bool tls)
{
  sender_tag tag;
  kit_start(1);
  server = (point_plan){.received = takes, .last = senders};
  kit_listen(&server, tls ? kit_server_ctx : NULL, NULL);
  foal_connect_options to = {.host = "127.0.0.1",
                             .port = server.listener.port,
                             .ctx = tls ? kit_client_ctx : NULL,
                             .conn = {.linger_ms = 100}};
  for (unsigned i = 0; i < senders; i++) cr_assert(sender_connect(&to, &tag));
  kit_run();
  cr_assert_eq(sent + failed, accepted);
}

Test(pitfall, one_receipt_for_every_send, .timeout = 30)
{
  goal = 300;
  piece_bytes = 3000;
  run(4, true);
  cr_assert_eq(sent, 4 * goal);
  cr_assert_eq(server.received_bytes, 4 * goal * piece_bytes);
}

Test(pitfall, receipts_add_up_under_hard_closes, .timeout = 30)
{
  random_ends = true;
  goal = 100;
  piece_bytes = 5000;
  run(40, true);
  cr_assert_gt(sent, 0);
  cr_assert_gt(failed, 0);
  run(40, false);
}

Test(pitfall, sending_from_a_receipt_does_not_recurse, .timeout = 30)
{
  from_receipts = true;
  goal = 20000;
  piece_bytes = 10;
  run(1, false);
  cr_assert_eq(sent, goal);
}

static void end_in_first_receipt(bool tls)
{
  accepted = sent = failed = 0;
  senders_left = 0;
  run(1, tls);
}

Test(pitfall, close_in_a_receipt, .timeout = 30)
{
  ends_in_receipt = BY_CLOSE;
  goal = 1000;
  piece_bytes = 3000;
  for (int tls = 0; tls < 2; tls++) {
    end_in_first_receipt(tls);
    cr_assert_gt(sent, 1, "what was accepted before the close leaves");
    cr_assert_eq(failed, 0);
    cr_assert_eq(server.received_bytes, sent * piece_bytes);
  }
}

Test(pitfall, abort_in_a_receipt, .timeout = 30)
{
  ends_in_receipt = BY_ABORT;
  goal = 1000;
  piece_bytes = 3000;
  for (int tls = 0; tls < 2; tls++) {
    end_in_first_receipt(tls);
    cr_assert_geq(sent, 1);
    cr_assert_lt(sent, goal);
  }
}
