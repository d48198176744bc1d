/* conn_in.c - from the peer to the protocol: decrypting, delivering, noticing the end.
 *
 * `received` runs while nothing stops it: not muted, not held back because the output
 * is full, not closed by the handler itself. Whatever stops it leaves the rest where
 * it is, encrypted or in a queue, and nothing is lost. The end of the stream is looked
 * at only when everything before it was delivered. */
#include "impl/conn_state.h"

#include "../runtime/impl/assert.h"
#include "../runtime/log.h"

/* ---- taking bytes out ---- */

/* Puts exactly len queued bytes into one buffer; there are as many. */
static bool gather(foal_bufq *q, size_t len, foal_buf **out) FOAL_MAKES(*out);
static bool gather(foal_bufq *q, size_t len, foal_buf **out)
{
  foal_buf *whole;
  foal_assert(len > 0 && foal_bufq_bytes(q) >= len);
  if (!foal_buf_new(&whole, len)) return false;
  while (foal_buf_len(whole) < len) {
    foal_buf *piece;
    if (!foal_bufq_take(q, &piece)) break;
    size_t want = len - foal_buf_len(whole), have = foal_buf_len(piece);
    size_t taken =
        foal_buf_append(whole, foal_buf_data(piece), want < have ? want : have);
    if (taken < have) {
      foal_buf_consume(piece, taken);
      foal_bufq_put_back(q, &piece);
    } else {
      foal_buf_drop(&piece);
    }
  }
  *out = whole;
  return true;
}

FOAL_TRUSTED static bool plain_read(foal_conn *c, foal_buf **out)
{
  if (foal_bufq_count(&c->in) == 0) return false;
  if (c->expect == 0) return foal_bufq_take(&c->in, out);
  if (foal_bufq_bytes(&c->in) < c->expect) return false;
  if (gather(&c->in, c->expect, out)) return true;
  foal__conn_fail(c, (foal__cause){FOAL_NO_MEMORY, 0});
  return false;
}

static bool next_in(foal_conn *c, foal_buf **out) FOAL_TURN FOAL_MAKES(*out);
FOAL_TRUSTED static bool next_in(foal_conn *c, foal_buf **out)
{
  foal_assert(c->config != NULL && out != NULL);
  if (c->ssl == NULL) return plain_read(c, out);
  return foal_ssl_read(c->ssl, c->expect, out);
}

/* ---- delivering ---- */

FOAL_TRUSTED static void give(foal_conn *c, foal_buf **b)
{
  foal_assert(c->phase == FOAL__CONN_OPEN && !c->receiving);
  c->receiving = true;
  c->received += foal_buf_len(*b);
  c->protocol->received(foal__user_of(c), b);
  c->receiving = false;
  foal__buf_must_be_gone(*b);
}

static void deliver(foal_conn *c) FOAL_TURN;
FOAL_TRUSTED static void deliver(foal_conn *c)
{
  foal_assert(c->config != NULL);
  c->stalled = false;
  for (int n = 0; foal__conn_may_deliver(c); n++) {
    foal_buf *b;
    if (n == FOAL__RECEIVED_A_TURN) {
      c->stalled = true;
      return;
    }
    if (!next_in(c, &b)) return;
    give(c, &b);
  }
  c->stalled = c->phase == FOAL__CONN_OPEN && !c->ended;
}

/* Nobody wants the bytes any more; a session still looks for the peer's close_notify
 * in them. */
static void throw_away(foal_conn *c) FOAL_TURN;
static void throw_away(foal_conn *c)
{
  foal_buf *b;
  c->stalled = false;
  foal_bufq_clear(&c->in);
  if (c->ssl == NULL || c->phase >= FOAL__CONN_ABORTED) return;
  while (foal_ssl_read(c->ssl, 0, &b)) foal_buf_drop(&b);
  /* A session that fails now cannot send the rest of what was written. */
  if (c->phase == FOAL__CONN_CLOSING && foal__conn_has_failed(c)) {
    foal__conn_fail(c, (foal__cause){foal_ssl_error(c->ssl), 0});
  }
}

/* ---- state ---- */

static void handshake(foal_conn *c) FOAL_TURN;
static void handshake(foal_conn *c)
{
  foal_assert(c->phase == FOAL__CONN_HANDSHAKE && c->ssl != NULL);
  if (foal_ssl_state(c->ssl) == FOAL_SSL_HANDSHAKE || foal__conn_has_failed(c)) return;
  c->phase = FOAL__CONN_OPEN;
  foal__set_late(foal__self_tag(foal__user_of(c)), false);
  foal__tcp_agreed(c->tcp);
  c->protocol->opened(foal__user_of(c), c);
}

/* Whether the stream has ended inside what is expected; that is dropped. */
FOAL_TRUSTED static bool drop_rest(foal_conn *c)
{
  foal_buf *b;
  foal_assert(c->ended);
  if (c->ssl == NULL) {
    bool any = foal_bufq_count(&c->in) > 0;
    foal_bufq_clear(&c->in);
    return any;
  }
  if (!foal_ssl_read(c->ssl, 0, &b)) return false;
  do {
    foal_buf_drop(&b);
  } while (foal_ssl_read(c->ssl, 0, &b));
  return true;
}

/* Everything that came was delivered: was it the last? */
static void look_for_end(foal_conn *c) FOAL_TURN;
static void look_for_end(foal_conn *c)
{
  foal_assert(c->phase == FOAL__CONN_OPEN);
  bool over = c->ssl != NULL ? foal_ssl_end_seen(c->ssl) : c->eof;
  if (!over || c->ended) return;
  c->ended = true;
  foal_err why = drop_rest(c) ? FOAL_INCOMPLETE : FOAL_CLEAN;
  c->protocol->ended(foal__user_of(c), why);
  foal__conn_schedule(c);
}

void foal__conn_take_in(foal_conn *c)
{
  foal_assert(c->config != NULL);
  if (c->phase == FOAL__CONN_CONNECTING || c->phase >= FOAL__CONN_ABORTED) return;
  if (c->phase == FOAL__CONN_HANDSHAKE) handshake(c);
  if (c->phase == FOAL__CONN_OPEN) deliver(c);
  if (c->phase >= FOAL__CONN_CLOSING) {
    throw_away(c);
    return;
  }
  /* What is written can never leave a failed session: who waits for room waits for
   * nothing. */
  bool hopeless = c->blocked && foal__conn_has_failed(c);
  if (c->stalled && !hopeless) return;
  if (foal__conn_has_failed(c)) {
    foal__conn_fail(c, (foal__cause){foal_ssl_error(c->ssl), 0});
  } else if (c->phase == FOAL__CONN_OPEN) {
    look_for_end(c);
  }
}

void foal__conn_report_in(foal_conn *c)
{
  foal_assert(c->config != NULL);
  if (c->phase >= FOAL__CONN_ABORTED) return;
  if (!c->stalled && c->unconsumed >= FOAL__CONSUMED_BYTES_MIN) {
    foal__tcp_consumed(c->tcp, c->unconsumed);
    c->unconsumed = 0;
  }
  if (c->phase < FOAL__CONN_HANDSHAKE || c->phase > FOAL__CONN_CLOSING) return;
  /* Who closes while muted goes on reading, and throws it away: a peer that reads only
   * while it can write would never take the rest. A handshake needs both directions. */
  bool reading = c->phase != FOAL__CONN_OPEN || (!c->muted && !c->held);
  if (reading == c->reading) return;
  c->reading = reading;
  foal__tcp_reading(c->tcp, reading);
}

/* ---- what the TCP actor says ---- */

FOAL_HANDLE_ISO(foal__proto, bytes)
static void foal__proto_on_bytes(foal__proto *user, foal_buf **b)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL);
  /* Only without memory for a message do bytes come before `connected`. */
  if (c->phase == FOAL__CONN_CONNECTING)
    foal__conn_fail(c, (foal__cause){FOAL_NO_MEMORY, 0});
  if (c->phase >= FOAL__CONN_ABORTED) {
    foal_buf_drop(b);
    return;
  }
  c->unconsumed += (uint32_t)foal_buf_len(*b);
  if (c->ssl != NULL) {
    foal_ssl_receive(c->ssl, b);
  } else if (c->phase == FOAL__CONN_OPEN) {
    foal_bufq_put(&c->in, b);
  } else {
    foal_buf_drop(b);
  }
  /* What came before is still held back: this waits behind it, and the end of the turn
   * looks. */
  if (!c->stalled) foal__conn_take_in(c);
  foal__conn_schedule(c);
}

FOAL_HANDLE0(foal__proto, eof)
static void foal__proto_on_eof(foal__proto *user)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL && !c->eof);
  c->eof = true;
  if (c->phase >= FOAL__CONN_ABORTED) return;
  /* The session's state shows how it ended, when all was read. Who has closed already
   * does not mind, and what he wrote still has to leave. */
  if (c->ssl != NULL && c->phase < FOAL__CONN_CLOSING) (void)foal_ssl_receive_end(c->ssl);
  if (!c->stalled) foal__conn_take_in(c);
  foal__conn_schedule(c);
}
