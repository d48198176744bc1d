/* conn_out.c - from the protocol to the peer: queueing, encrypting, credit, the end.
 *
 * At most one buffer of up to 64 KiB is at the TCP actor; what waits beyond it waits
 * as plaintext, at most room_bytes of it if the protocol heeds `sendable`. To fill
 * that one buffer the protocol is asked for more in the same turn, as soon as what it
 * gave is staged: few, large writes, and little memory.
 *
 * Reading. A protocol that answers what it receives (an echo) must not be fed while
 * its answers wait: when a write inside `received` leaves no room, or the queue keeps
 * growing while it is blocked, reading stops until `sendable`. Other writes do not
 * stop reading: two sides that stream to each other would wait for each other for
 * ever. */
#include "impl/conn_state.h"

#include "../runtime/impl/assert.h"
#include "../runtime/log.h"

enum {
  JOINED_BYTES = 45 * 1448, /* small plain buffers, together: one packet of the largest */
  STAGE_BYTES = JOINED_BYTES - 4 * 22, /* plaintext that fills one write: four records */
  ALONE_BYTES = 16384,     /* a plain buffer from this size on is not copied */
  AHEAD_BYTES = 3 * 65536, /* that a full queue may grow: what relays are ahead */
  ASKS_A_TURN = 16         /* `sendable` in one turn, for tiny room_bytes */
};

/* ---- how much ---- */

FOAL_TRUSTED static size_t staged(const foal_conn *c)
{
  if (c->tls) {
    if (c->ssl == NULL) return 0;
    return foal_ssl_queued_bytes(c->ssl) + foal_ssl_sealed_bytes(c->ssl);
  }
  return c->open.held_ != NULL ? foal_buf_len(c->open.held_) : 0;
}

size_t foal__conn_queued(const foal_conn *c)
{
  foal_assert(c->config != NULL);
  return foal_bufq_bytes(&c->out) + staged(c);
}

/* What waits beyond the write that leaves at the end of this turn. */
static size_t waiting(const foal_conn *c) FOAL_TURN;
static size_t waiting(const foal_conn *c)
{
  size_t here = staged(c), leaves = c->credit ? here : 0;
  return foal_bufq_bytes(&c->out) + here - (leaves < STAGE_BYTES ? leaves : STAGE_BYTES);
}

/* Whoever is told that there is none is told when there is some: the queue can be full
 * without a write, of a handshake's last flight or of an answer to a key update. */
size_t foal_conn_room(foal_conn *conn)
{
  foal_assert(conn != NULL && conn->config != NULL);
  if (conn->phase != FOAL__CONN_OPEN || conn->finish) return 0;
  size_t used = waiting(conn), room = conn->config->options.room_bytes;
  if (used < room) return room - used;
  if (!conn->blocked) conn->floor_bytes = SIZE_MAX;
  conn->blocked = true;
  return 0;
}

void foal__conn_forget_out(foal_conn *c)
{
  foal_assert(c->config != NULL);
  foal_bufq_clear(&c->out);
  foal_slot_clear(&c->open);
}

/* ---- accepting from the user ---- */

static void overflow(foal_conn *c) FOAL_TURN;
static void overflow(foal_conn *c)
{
  foal_assert(c->phase == FOAL__CONN_OPEN);
  foal_log(FOAL_LOG_WARNING,
           "%s: %zu bytes are queued and the protocol goes on writing: cut off", c->peer,
           foal__conn_queued(c));
  foal_conn_abort(c, FOAL_LIMIT);
}

bool foal__conn_bears(const foal_conn *c, size_t more)
{
  foal_assert(c->config != NULL);
  size_t sealed = c->tls && c->ssl != NULL ? foal_ssl_sealed_bytes(c->ssl) : 0;
  return foal__conn_queued(c) - sealed + more <= c->config->options.queue_bytes_max;
}

void foal__conn_accept(foal_conn *c, foal_buf **data)
{
  foal_assert(c->phase == FOAL__CONN_OPEN && !c->finish && *data != NULL);
  if (c->receipts != NULL) foal__receipts_written(c->receipts, foal_buf_len(*data));
  c->accepted += foal_buf_len(*data);
  foal_bufq_put(&c->out, data);
  if (foal_conn_room(c) == 0 && c->receiving) c->held = true;
  foal__conn_schedule(c);
}

void foal_conn_write(foal_conn *conn, foal_buf **data)
{
  foal_assert(conn != NULL && data != NULL && *data != NULL);
  size_t len = foal_buf_len(*data);
  if (conn->phase != FOAL__CONN_OPEN || conn->finish || len == 0) {
    foal_buf_drop(data);
  } else if (!foal__conn_bears(conn, len)) {
    foal_buf_drop(data);
    overflow(conn);
  } else {
    foal__conn_accept(conn, data);
  }
}

/* How much a full queue may grow before that counts as not heeding it. Who relays learns
 * late that it is full: a window and a whole buffer come after that. To stop reading
 * for them would close a circle, when the peer reads only while it can write. */
static size_t borne_growth(const foal_conn *c)
{
  const foal_conn_options *o = &c->config->options;
  size_t ahead = AHEAD_BYTES, most = o->queue_bytes_max / 4;
  if (ahead > most) ahead = most;
  return ahead > o->room_bytes ? ahead : o->room_bytes;
}

/* At the end of a turn: has a blocked queue grown since the last one? */
static void watch_growth(foal_conn *c) FOAL_TURN;
static void watch_growth(foal_conn *c)
{
  if (!c->blocked) return;
  size_t queued = foal__conn_queued(c);
  if (c->floor_bytes != SIZE_MAX && queued > c->floor_bytes + borne_growth(c))
    c->held = true;
  if (queued < c->floor_bytes) c->floor_bytes = queued;
}

/* ---- staging ---- */

/* Moves queued plaintext into the session, as much as one write can carry. */
static void stage_tls(foal_conn *c) FOAL_TURN;
static void stage_tls(foal_conn *c)
{
  foal_buf *b;
  foal_assert(c->ssl != NULL);
  while (staged(c) < STAGE_BYTES && foal_ssl_write_room(c->ssl) > 0 &&
         foal_bufq_take(&c->out, &b)) {
    /* A session that has failed meanwhile drops it; its state tells. */
    if (foal_ssl_write(c->ssl, &b) != FOAL_OK) return;
  }
}

/* Copies the bytes of small buffers together; false when the next one does not fit. */
FOAL_TRUSTED static bool join(foal_conn *c, foal_buf **next)
{
  foal_buf *open, *bigger;
  foal_assert(foal_slot_full(&c->open) && *next != NULL);
  if (!foal_slot_take(&c->open, &open)) return false;
  size_t need = foal_buf_len(open) + foal_buf_len(*next);
  if (need > JOINED_BYTES) {
    foal_slot_put(&c->open, &open);
    return false;
  }
  if (foal_buf_room(open) < foal_buf_len(*next)) {
    if (!foal_buf_new(&bigger, JOINED_BYTES)) {
      foal_slot_put(&c->open, &open);
      return false;
    }
    (void)foal_buf_append(bigger, foal_buf_data(open), foal_buf_len(open));
    foal_buf_drop(&open);
    open = bigger;
  }
  (void)foal_buf_append(open, foal_buf_data(*next), foal_buf_len(*next));
  foal_buf_drop(next);
  foal_slot_put(&c->open, &open);
  return true;
}

/* Fills the plain buffer that goes next: one large one as it is, or small ones
 * together. */
static void stage_plain(foal_conn *c) FOAL_TURN;
FOAL_TRUSTED static void stage_plain(foal_conn *c)
{
  foal_buf *b;
  foal_assert(!c->tls);
  while (staged(c) < STAGE_BYTES && foal_bufq_take(&c->out, &b)) {
    if (!foal_slot_full(&c->open)) {
      foal_slot_put(&c->open, &b);
    } else if ((staged(c) >= ALONE_BYTES && foal_buf_len(b) >= ALONE_BYTES) ||
               !join(c, &b)) {
      foal_bufq_put_back(&c->out, &b);
      return;
    }
  }
}

static void stage(foal_conn *c) FOAL_TURN;
static void stage(foal_conn *c)
{
  if (!c->credit) return;
  if (!c->tls) {
    stage_plain(c);
    /* All that was written before the upgrade is out: from here on it is TLS. */
    if (c->ssl != NULL && staged(c) == 0) c->tls = true;
    return;
  }
  if (c->phase < FOAL__CONN_OPEN) return;
  if (c->ssl == NULL) return; /* there was no memory for a session */
  stage_tls(c);
  bool last = c->finish || c->phase == FOAL__CONN_CLOSING;
  if (last && !c->shut && foal_bufq_count(&c->out) == 0) {
    c->shut = true;
    foal_ssl_close(c->ssl);
  }
}

/* ---- writing ---- */

/* What is encrypted and did not fit into the write counts as not leaving: a receipt may
 * come late, never early. A failed session may have dropped what it had. */
static void note_leaving(foal_conn *c) FOAL_TURN;
static void note_leaving(foal_conn *c)
{
  if (c->receipts == NULL || foal__conn_has_failed(c)) return;
  if (c->tls && foal_ssl_sealed_bytes(c->ssl) > 0) return;
  foal__receipts_leaving(c->receipts, foal__conn_queued(c));
}

/* Whether the next write will not be a small one. Who answers what it receives waits for
 * room, too, but not to go on at once. */
static bool more_follows(const foal_conn *c) FOAL_TURN;
static bool more_follows(const foal_conn *c)
{
  return (c->blocked && !c->held) || foal_bufq_count(&c->out) > 0;
}

/* Whether nothing follows the buffer that leaves now, and nobody waits for its credit. */
static bool is_last(const foal_conn *c) FOAL_TURN;
static bool is_last(const foal_conn *c)
{
  if (c->phase != FOAL__CONN_CLOSING || c->receipts != NULL) return false;
  if (foal__conn_queued(c) > 0) return false;
  if (c->ssl == NULL) return true;
  return c->shut && !foal__conn_has_failed(c) && !foal_ssl_can_send(c->ssl);
}

static void hand_over(foal_conn *c, foal_buf **b) FOAL_TURN FOAL_TAKES(*b);
static void hand_over(foal_conn *c, foal_buf **b)
{
  foal_assert(c->credit);
  c->credit = false;
  note_leaving(c);
  if (!is_last(c)) {
    foal__tcp_write(c->tcp, b);
    return;
  }
  c->phase = FOAL__CONN_LINGER;
  c->unsaid = true;
  foal__tcp_last(c->tcp, b, c->ssl != NULL && foal_ssl_end_seen(c->ssl));
}

/* Gives the TCP actor its one buffer. */
static bool emit(foal_conn *c) FOAL_TURN;
static bool emit(foal_conn *c)
{
  foal_buf *b;
  if (!c->credit) return false;
  if (c->tls) {
    if (c->ssl == NULL) return false;
    if (more_follows(c)) foal_ssl_seal(c->ssl);
    if (!foal_ssl_send(c->ssl, &b)) return false;
  } else if (!foal_slot_take(&c->open, &b)) {
    return false;
  }
  hand_over(c, &b);
  return true;
}

/* A protocol that waits for room hears of it as soon as half of it is free. */
static bool owes_sendable(const foal_conn *c) FOAL_TURN;
static bool owes_sendable(const foal_conn *c)
{
  return c->blocked && c->phase == FOAL__CONN_OPEN && !c->finish &&
         waiting(c) <= c->config->options.room_bytes / 2;
}

static bool ask(foal_conn *c) FOAL_TURN;
static bool ask(foal_conn *c)
{
  /* A full write leaves first: what is given now should be staged for the next one. */
  if (!owes_sendable(c) || (c->credit && staged(c) >= STAGE_BYTES)) return false;
  /* The memory of what is staged is free again before more is asked for. */
  if (c->credit && c->ssl != NULL) foal_ssl_seal(c->ssl);
  c->blocked = false;
  c->held = false;
  c->protocol->sendable(foal__user_of(c), foal_conn_room(c));
  return true;
}

/* All is out: FIN, or the end. */
static void finish(foal_conn *c) FOAL_TURN;
static void finish(foal_conn *c)
{
  foal_assert(c->credit);
  if (c->phase == FOAL__CONN_OPEN && c->finish && !c->finished) {
    c->finished = true;
    foal__tcp_finish(c->tcp);
  }
  if (c->phase == FOAL__CONN_OPEN && c->finished && c->ended)
    c->phase = FOAL__CONN_CLOSING;
  if (c->phase != FOAL__CONN_CLOSING) return;
  /* A session that fails now, for want of memory, has not said everything. */
  if (c->cause.err == FOAL_OK && foal__conn_has_failed(c))
    c->cause = (foal__cause){foal_ssl_error(c->ssl), 0};
  c->phase = FOAL__CONN_LINGER;
  foal__tcp_close(c->tcp);
}

/* Only a buffer that is on its way is between the last turn and the next: no receipt, no
 * byte, no word of the session, no user that wants room or waits for the end. */
static bool is_content(const foal_conn *c) FOAL_TURN;
static bool is_content(const foal_conn *c)
{
  return c->phase == FOAL__CONN_OPEN && !c->finish && !c->blocked &&
         c->receipts == NULL && foal__conn_queued(c) == 0 &&
         (c->ssl == NULL || !foal_ssl_can_send(c->ssl));
}

void foal__conn_put_out(foal_conn *c)
{
  foal_assert(c->config != NULL);
  c->content = c->asking = false;
  for (int asks = 0;;) {
    if (c->phase == FOAL__CONN_CONNECTING || c->phase >= FOAL__CONN_LINGER) return;
    stage(c);
    if (asks < ASKS_A_TURN && ask(c)) {
      asks++;
    } else if (!emit(c)) {
      break;
    }
  }
  watch_growth(c);
  c->asking = owes_sendable(c);
  c->content = !c->credit && is_content(c);
  if (c->credit && (foal__conn_queued(c) == 0 || foal__conn_has_failed(c))) finish(c);
}

bool foal__conn_credit_now(foal__proto_tag user)
{
  foal__proto *state = foal__resting_state(user.any);
  if (state == NULL) return false;
  foal_conn *c = foal__conn_of(state);
  foal_assert(c->config != NULL && !c->credit);
  c->credit = c->content && c->receipts == NULL;
  return c->credit;
}

FOAL_HANDLE_ISO(foal__proto, credit)
static void foal__proto_on_credit(foal__proto *user, foal_buf **b)
{
  foal_conn *c = foal__conn_of(user);
  foal_assert(c->config != NULL && !c->credit);
  foal_buf_drop(b);
  c->credit = true;
  if (c->receipts != NULL) foal__receipts_left(c->receipts);
  foal__conn_settle(c);
  foal__conn_schedule(c);
}
