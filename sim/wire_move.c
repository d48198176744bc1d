/* wire_move.c - how bytes, FIN and RST get from one end of a connection to the other.
 *
 * Everything that is under way is in `out` of its sender until the moment it arrives. An
 * arriving RST takes what is under way the other way with it; what has arrived and was
 * not read is lost or not, as systems differ in that. Nothing arrives after a RST, and
 * nothing but a RST in answer to bytes for an end that is gone. */
#include "impl/wire.h"

#include "../runtime/impl/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
  ROOM_MIN = 256,
  CALM_BYTES = 65536, /* of each buffer, once faults are over */
  PIECE_SMALL = 8,
  STALL_DOUBLINGS = 16, /* 1 ms to half a minute: also beyond time-outs */
};

/* ---- bytes ---- */

static uint8_t *first_of(const foal__sim_bytes *b)
{
  return b->at + b->start;
}

static void make_room(foal__sim_bytes *b, size_t len)
{
  if (b->start + b->len + len <= b->room) return;
  if (b->start > b->len && b->len + len <= b->room) {
    memcpy(b->at, first_of(b), b->len);
    b->start = 0;
    return;
  }
  size_t room = b->room > ROOM_MIN ? b->room : ROOM_MIN;
  while (room < b->len + len) room *= 2;
  if (room < 2 * b->len) room *= 2;
  uint8_t *at = malloc(room);
  if (at == NULL) abort();
  if (b->len > 0) memcpy(at, first_of(b), b->len);
  free(b->at);
  *b = (foal__sim_bytes){at, 0, b->len, room};
}

static void append(foal__sim_bytes *b, const uint8_t *bytes, size_t len)
{
  foal_assert(len > 0);
  make_room(b, len);
  memcpy(first_of(b) + b->len, bytes, len);
  b->len += len;
}

static void consume(foal__sim_bytes *b, size_t len)
{
  foal_assert(len <= b->len);
  b->start += len;
  b->len -= len;
  if (b->len == 0) b->start = 0;
}

void foal__sim_bytes_drop(foal__sim_bytes *bytes)
{
  free(bytes->at);
  *bytes = (foal__sim_bytes){0};
}

/* ---- when ---- */

foal__sim_end *foal__sim_other(foal__sim_end *end)
{
  return &end->wire->end[end->server ? 0 : 1];
}

uint64_t foal__sim_travel_ns(uint32_t latency_ns)
{
  uint64_t ns = latency_ns / 2 + foal__sim_draw(FOAL__SIM_S_time, latency_ns + 1);
  if (foal__sim_fires(FOAL__SIM_W_delay))
    ns += (1 + foal__sim_how(FOAL__SIM_W_delay, 500)) * MS;
  /* Bytes that wait are joined by those that are written meanwhile. */
  if (foal__sim_fires(FOAL__SIM_W_coalesce))
    ns += (1 + foal__sim_how(FOAL__SIM_W_coalesce, 500)) * MS / 100;
  if (foal__sim_fires(FOAL__SIM_W_stall)) {
    ns += MS << foal__sim_how(FOAL__SIM_W_stall, STALL_DOUBLINGS);
    foal__sim_tell_fault("stall");
  }
  return ns;
}

static size_t room_at(foal__sim_end *to)
{
  if (foal__sim_draw_is_calm() && to->in_max < CALM_BYTES) to->in_max = CALM_BYTES;
  return to->in_max > to->in.len ? to->in_max - to->in.len : 0;
}

static bool is_due(foal__sim_end *end)
{
  foal__sim_end *to = foal__sim_other(end);
  if (end->reset || end->moved == end->reset_at || end->moved == end->fin_at) return true;
  if (end->out.len > 0) return end->cut || to->closed || room_at(to) > 0;
  return end->finished && !end->fin_sent;
}

void foal__sim_end_schedule(foal__sim_end *end)
{
  if (end->moving || (end->broken && !end->reset) || !is_due(end)) return;
  end->moving = true;
  foal__sim_event_set(&end->event,
                      foal__sim_now_ns() + foal__sim_travel_ns(end->wire->latency_ns));
}

/* What is under way may still arrive in front of it. */
void foal__sim_end_abort(foal__sim_end *end)
{
  bool some = end->out.len > 0 && foal__sim_draw(FOAL__SIM_S_net, 2) == 0;
  end->out.len = some ? foal__sim_draw(FOAL__SIM_S_net, (uint32_t)end->out.len) : 0;
  end->finished = true;
  end->reset = true;
  if (end->out.len == 0) {
    foal__sim_bytes_drop(&end->out);
    foal__sim_event_cancel(&end->event);
    end->moving = false;
  }
  foal__sim_end_schedule(end);
}

/* ---- what arrives ---- */

static const char *direction(const foal__sim_end *from)
{
  return from->server ? "server>client" : "client>server";
}

static void tell(foal__sim_end *end)
{
  if (end->readable != NULL) end->readable(end);
}

static void tell_room(foal__sim_end *end)
{
  if (foal__sim_draw_is_calm() && end->out_max < CALM_BYTES) end->out_max = CALM_BYTES;
  if (!end->starved || (!end->broken && end->out.len >= end->out_max)) return;
  end->starved = false;
  if (end->writable != NULL) end->writable(end);
}

/* A RST is here. */
static void arrive_reset(foal__sim_end *to)
{
  foal__sim_end *from = foal__sim_other(to);
  if (to->broken) return;
  foal__sim_tell_conn(FOAL__SIM_CUT, to->wire->number, 0,
                      from->server ? "RST to the client" : "RST to the server");
  foal__sim_hash((uint64_t)to->wire->number << 3 | (uint64_t)to->server << 2 | 1);
  foal__sim_event_cancel(&to->event);
  to->moving = to->reset = false;
  foal__sim_bytes_drop(&to->out);
  if (foal__sim_draw(FOAL__SIM_S_net, 2) == 0) foal__sim_bytes_drop(&to->in);
  to->broken = true;
  to->error = to->fin ? -EPIPE : -ECONNRESET;
  tell(to);
  tell_room(to);
}

/* The connection is broken by the network: both ends hear of it, each in its time. */
static void break_at(foal__sim_end *from)
{
  foal__sim_end *to = foal__sim_other(from);
  foal__sim_tell_trouble(FOAL__SIM_W_reset, from->wire->number, direction(from));
  foal__sim_bytes_drop(&from->out);
  from->reset_at = FOAL__SIM_NEVER;
  from->cut = true; /* what it sends before it hears of it comes nowhere */
  arrive_reset(to);
  foal__sim_end_abort(to);
}

static void arrive_fin(foal__sim_end *from)
{
  foal__sim_end *to = foal__sim_other(from);
  from->fin_sent = true;
  if (to->fin || to->broken || to->closed) return;
  to->fin = true;
  foal__sim_tell_conn(FOAL__SIM_CUT, to->wire->number, 0,
                      from->server ? "FIN to the client" : "FIN to the server");
  foal__sim_hash((uint64_t)to->wire->number << 3 | (uint64_t)to->server << 2 | 2);
}

static void cut_at(foal__sim_end *from)
{
  foal__sim_tell_trouble(FOAL__SIM_W_fin, from->wire->number, direction(from));
  from->cut = true;
  from->fin_at = FOAL__SIM_NEVER;
  arrive_fin(from);
  tell(foal__sim_other(from));
}

static size_t up_to(uint64_t at, uint64_t moved, size_t n)
{
  return at >= moved && at - moved < n ? (size_t)(at - moved) : n;
}

/* How many bytes come in one piece. */
static size_t piece(foal__sim_end *from, foal__sim_end *to)
{
  size_t n = room_at(to);
  if (n > from->out.len) n = from->out.len;
  if (n > 1 && foal__sim_fires(FOAL__SIM_W_fragment)) {
    bool small = foal__sim_how(FOAL__SIM_W_fragment, 2) == 0;
    n = 1 + foal__sim_how(FOAL__SIM_W_fragment,
                          small && n > PIECE_SMALL ? PIECE_SMALL : (uint32_t)n);
  }
  n = up_to(from->reset_at, from->moved, n);
  n = up_to(from->fin_at, from->moved, n);
  if (from->insert_at > from->moved) n = up_to(from->insert_at, from->moved, n);
  return n;
}

static void spoil(foal__sim_end *from, uint8_t *bytes, size_t n)
{
  if (from->flip_at < from->moved || from->flip_at - from->moved >= n) return;
  bytes[from->flip_at - from->moved] ^=
      (uint8_t)(1 << foal__sim_how(FOAL__SIM_W_flip, 8));
  from->flip_at = FOAL__SIM_NEVER;
  foal__sim_tell_trouble(FOAL__SIM_W_flip, from->wire->number, direction(from));
}

static void insert(foal__sim_end *from, foal__sim_end *to)
{
  uint8_t byte = (uint8_t)foal__sim_how(FOAL__SIM_W_insert, 256);
  append(&to->in, &byte, 1);
  from->insert_at = FOAL__SIM_NEVER;
  foal__sim_hash(byte);
  foal__sim_tell_trouble(FOAL__SIM_W_insert, from->wire->number, direction(from));
}

static void arrive_bytes(foal__sim_end *from, foal__sim_end *to)
{
  bool inserted = from->insert_at == from->moved;
  size_t n = piece(from, to);
  if (inserted) insert(from, to);
  if (n > 0) {
    append(&to->in, first_of(&from->out), n);
    uint8_t *here = first_of(&to->in) + to->in.len - n;
    spoil(from, here, n);
    consume(&from->out, n);
    from->moved += n;
    foal__sim_world.bytes += n;
    foal__sim_world.moved_ns = foal__sim_now_ns();
    foal__sim_hash((uint64_t)to->wire->number << 3 | (uint64_t)to->server << 2);
    foal__sim_hash_bytes(here, n);
    foal__sim_tell_conn(FOAL__SIM_WIRE, to->wire->number, n, direction(from));
  }
}

/* Faults of the plan that are not over before the calm do not happen. */
static void forget_plans(foal__sim_end *end)
{
  end->reset_at = end->fin_at = end->flip_at = end->insert_at = FOAL__SIM_NEVER;
}

static void swallow(foal__sim_end *from)
{
  from->moved += from->out.len;
  foal__sim_bytes_drop(&from->out);
  if (from->finished) from->fin_sent = true;
}

static void move(foal__sim_end *from, foal__sim_end *to)
{
  if (from->moved == from->reset_at) {
    break_at(from);
    return;
  }
  if (from->moved == from->fin_at) cut_at(from);
  if (from->cut) {
    swallow(from);
    return;
  }
  bool had = from->out.len > 0;
  if (had) arrive_bytes(from, to);
  bool last = from->finished && from->out.len == 0 && !from->fin_sent && !from->reset;
  /* FIN comes with the last bytes or after them. */
  if (last && (!had || foal__sim_draw(FOAL__SIM_S_net, 2) == 0)) arrive_fin(from);
  tell(to);
}

/* Whether bytes in front of a RST can arrive. */
static bool may_arrive(foal__sim_end *from)
{
  foal__sim_end *to = foal__sim_other(from);
  return from->out.len > 0 && !from->broken && !from->cut && !to->closed &&
         room_at(to) > 0;
}

/* The event of the direction that begins at this end. */
void foal__sim_end_fire(foal__sim_event *event)
{
  foal__sim_end *from = (foal__sim_end *)(void *)event, *to = foal__sim_other(from);
  from->moving = false;
  if (from->reset && !may_arrive(from)) {
    from->reset = false;
    foal__sim_bytes_drop(&from->out);
    arrive_reset(to);
    return;
  }
  if (from->broken) return;
  if (foal__sim_draw_is_calm()) forget_plans(from);
  if (to->closed && from->out.len > 0 && !from->cut) {
    if (!to->reset) foal__sim_end_abort(to); /* one is enough, and must not wait */
    foal__sim_bytes_drop(&from->out);
  } else {
    move(from, to);
  }
  tell_room(from);
  foal__sim_end_schedule(from);
}

/* ---- calls of the owner ---- */

bool foal__sim_end_has_input(const foal__sim_end *end)
{
  return end->in.len > 0 || end->fin || end->broken;
}

bool foal__sim_end_has_room(const foal__sim_end *end)
{
  return end->broken || end->out.len < end->out_max;
}

static int take_error(foal__sim_end *end)
{
  int error = end->error;
  end->error = 0;
  return error;
}

ptrdiff_t foal__sim_end_write(foal__sim_end *end, const uint8_t *bytes, size_t len)
{
  foal_assert(!end->closed && len > 0);
  if (end->error != 0) return take_error(end);
  if (end->broken || end->finished) return -EPIPE;
  size_t n = end->out_max > end->out.len ? end->out_max - end->out.len : 0;
  if (n > len) n = len;
  if (n > 0 && foal__sim_fires(FOAL__SIM_W_short_write))
    n = foal__sim_how(FOAL__SIM_W_short_write, (uint32_t)n);
  if (n > 0) {
    append(&end->out, bytes, n);
    foal__sim_tell_conn(FOAL__SIM_WROTE, end->wire->number, n, direction(end));
  }
  if (n < len && end->out.len >= end->out_max) end->starved = true;
  foal__sim_end_schedule(end);
  return (ptrdiff_t)n;
}

ptrdiff_t foal__sim_end_read(foal__sim_end *end, uint8_t *out, size_t max)
{
  foal_assert(!end->closed && max > 0);
  size_t n = end->in.len < max ? end->in.len : max;
  if (n == 0) {
    if (end->error != 0) return take_error(end);
    return end->fin || end->broken ? FOAL__SIM_EOF : 0;
  }
  memcpy(out, first_of(&end->in), n);
  consume(&end->in, n);
  foal__sim_end_schedule(foal__sim_other(end));
  return (ptrdiff_t)n;
}

void foal__sim_end_finish(foal__sim_end *end)
{
  foal_assert(!end->closed);
  if (end->finished) return;
  end->finished = true;
  foal__sim_end_schedule(end);
}

void foal__sim_end_close(foal__sim_end *end, bool reset)
{
  foal_assert(!end->closed);
  bool unread = end->in.len > 0;
  foal__sim_bytes_drop(&end->in);
  end->closed = true;
  end->owner = NULL;
  end->readable = end->writable = NULL;
  if (foal__sim_other(end)->closed) {
    foal__sim_wire_free(end->wire);
  } else if (!end->broken && (reset || unread)) {
    foal__sim_end_abort(end);
  } else if (!end->finished) {
    end->finished = true;
    foal__sim_end_schedule(end);
  }
}
