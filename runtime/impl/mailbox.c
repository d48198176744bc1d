/* mailbox.c - sends and run queues. The protocol and its orders: mailbox.h. */
#include "mailbox.h"

#include "../log.h"
#include "alloc.h"
#include "pool.h"

#include <string.h>

enum { DEPTH_MAX = 0xffff, RING_SLOTS_MIN = 1024 };

/* ---- run queues ---- */

bool foal__ring_reserve(foal__ring *ring, uint32_t capacity)
{
  if (__builtin_expect(ring->capacity >= capacity, 1)) return true;
  uint32_t count = foal__ring_count(ring);
  uint32_t more = ring->capacity > 0 ? ring->capacity : RING_SLOTS_MIN;
  while (more < capacity) more *= 2;
  foal_actor **items = foal__alloc(sizeof *items * more);
  if (items == NULL) return false;
  for (uint32_t i = 0; i < count; i++) {
    items[i] = ring->items[(ring->head + i) & ring->mask];
  }
  foal__free(ring->items);
  *ring = (foal__ring){items, more, more - 1, 0, count};
  return true;
}

foal_actor *foal__ring_newest(foal__ring *ring)
{
  if (ring->head == ring->tail) return NULL;
  return ring->items[--ring->tail & ring->mask];
}

/* ---- sends ---- */

void foal__msg_drop(foal__worker *w, foal_msg *m)
{
  const foal_behaviour *b = m->behaviour_;
  foal_debug_assert(b != NULL);
  bool node = m->class_ == FOAL__MSG_CLASS;
  if (b->drop != NULL) b->drop(m);
  if (!node) return; /* a buffer: its own drop gave it back */
  if (w != NULL) {
    foal__msg_give(w, m);
  } else {
    foal__node_return(NULL, m);
  }
}

static void append_local(foal__worker *w, foal_actor *x, foal_msg *m)
{
  m->next_ = NULL;
  *x->end = m;
  x->end = &m->next_;
  x->queued++;
  w->entered++;
}

void foal__inbox_take(foal__worker *w, foal_actor *x)
{
  uintptr_t full = 0;
  if (x->queued >= foal__rt.mailbox_high) {
    uintptr_t depth = x->queued < DEPTH_MAX ? x->queued : DEPTH_MAX;
    full = depth << FOAL__DEPTH_SHIFT;
  }
  /* Acquire: pairs with the push in foal__send_remote. */
  foal_msg *newest = foal__inbox_chain(foal__xchg(&x->inbox, full, acquire));
  foal_debug_assert(newest != NULL);
  foal__note_sender(w, x, newest);
  foal_msg *last = newest, *oldest = NULL;
  uint32_t count = 0;
  for (foal_msg *m = newest; m != NULL; count++) {
    foal_msg *next = m->next_;
    m->next_ = oldest;
    oldest = m;
    m = next;
  }
  *x->end = oldest;
  x->end = &last->next_;
  x->queued += count;
  w->entered += count;
  w->taken += count;
}

static void mute_sender(foal__worker *w, foal_actor *x)
{
  foal_actor *sender = w->current;
  if (sender == NULL || sender == x) return;
  w->yield |= FOAL__YIELD_MUTE;
  w->mute_on = x;
}

void foal__send_remote(foal__worker *w, foal_actor *x, foal_msg *m, uint32_t owner)
{
  uintptr_t before = foal__load(&x->inbox, relaxed), after;
  foal_debug_assert(((uintptr_t)m >> FOAL__DEPTH_SHIFT) == 0);
  do {
    uintptr_t depth = foal__inbox_depth(before);
    m->next_ = foal__inbox_chain(before);
    if (depth < DEPTH_MAX) depth++;
    after = (uintptr_t)m | depth << FOAL__DEPTH_SHIFT;
    /* Acq_rel: release for foal__inbox_take; acquire so that a send made because of an
     * earlier one of another thread stays behind it. */
  } while (!foal__cas(&x->inbox, &before, after, acq_rel));
  if (w != NULL) foal__bump(w, FOAL__C_messages_remote, 1);
  if (before == FOAL__IDLE) foal__notify(x, owner);
}

/* A local one that finds mail of others in front of it, or is the first of its actor. */
static void send_behind(foal__worker *w, foal_actor *x, foal_msg *m)
{
  if (foal__inbox_has_mail(foal__load(&x->inbox, relaxed))) {
    foal__inbox_take(w, x);
    if (w->current != x) x->pulls = 0; /* it has mail from here too: see balance.c */
  }
  append_local(w, x, m);
  if (!x->scheduled) foal__schedule(w, x);
}

void foal__send_control(foal__worker *w, foal_actor *x, foal_msg *m)
{
  uint32_t owner = foal__load(&x->owner, acquire); /* as in foal__send */
  foal__probe_sent(w, x, m);
  if (w == NULL || owner != w->id) {
    foal__send_remote(w, x, m, owner);
  } else {
    send_behind(w, x, m);
  }
}

/* Out of line, so that the way of an ordinary message saves no register. */
__attribute__((noinline)) static void send_seldom(foal__worker *w, foal_actor *x,
                                                  foal_msg *m)
{
  uint32_t owner = foal__load(&x->owner, acquire), depth; /* as in foal__send */
  if (owner != w->id) {
    foal__send_remote(w, x, m, owner);
    depth = foal__inbox_depth(foal__load(&x->inbox, relaxed));
  } else {
    send_behind(w, x, m);
    depth = x->queued;
  }
  if (depth >= foal__rt.mailbox_high) mute_sender(w, x);
}

static inline bool is_ordinary(const foal_actor *x, uintptr_t word)
{
  return (word == FOAL__IDLE || !foal__inbox_has_mail(word)) &&
         (x->flags & (FOAL__RAN | FOAL__LATE)) == FOAL__RAN;
}

void foal__send(foal__worker *w, foal_actor *x, foal_msg *m)
{
  foal__probe_sent(w, x, m);
  /* Acquire: pairs with the release in foal__hand_over, before private fields are
   * touched. */
  if (__builtin_expect(foal__load(&x->owner, acquire) != w->id ||
                           !is_ordinary(x, foal__load(&x->inbox, relaxed)),
                       0)) {
    send_seldom(w, x, m);
    return;
  }
  append_local(w, x, m);
  if (x->queued >= foal__rt.crowd) {
    if (x->queued >= foal__rt.mailbox_high) mute_sender(w, x);
    if (x->queued > 1) return; /* with others in front of it, it waits already */
  }
  /* No branch: whether it waits already is what nobody can predict. So this may write
   * `scheduled` of a muted one while its waker hands it over, who must not look. */
  foal__ring_push_if(&w->ready, x, !x->scheduled);
  x->scheduled = 1;
}

/* ---- between workers ---- */

void foal__notify(foal_actor *x, uint32_t owner)
{
  foal__worker *to = &foal__rt.worker[owner];
  foal_actor *top = foal__load(&to->notified, relaxed);
  do {
    x->notify_next = top;
    /* Seq_cst: published before `parked` is read in foal__wake. */
  } while (!foal__cas(&to->notified, &top, x, seq_cst));
  foal__wake(to);
}

void foal__hand_over(foal_actor *x, uint32_t to)
{
  foal__worker *target = &foal__rt.worker[to];
  foal_debug_assert(to < foal__rt.workers);
  foal__worker *w = foal__self;
  if (w != NULL && w->measured == x) w->measured = NULL;
  if (w != NULL && to != w->id && x->home != w->id &&
      foal__load(&x->owner, relaxed) == w->id) {
    w->owned--;
  }
  /* Release: every private field of x before; pairs with the acquire loads of `owner`. */
  foal__store(&x->owner, to, release);
  foal_actor *top = foal__load(&target->arrived, relaxed);
  do {
    x->travel_next = top;
  } while (!foal__cas(&target->arrived, &top, x, seq_cst)); /* as in foal__notify */
  foal__wake(target);
}

static foal_actor *reversed(foal_actor *x, bool notified)
{
  foal_actor *r = NULL;
  while (x != NULL) {
    foal_actor **link = notified ? &x->notify_next : &x->travel_next;
    foal_actor *next = *link;
    *link = r;
    r = x;
    x = next;
  }
  return r;
}

static void arrive(foal__worker *w, foal_actor *x)
{
  foal_debug_assert(x->scheduled);
  foal_debug_assert(foal__peek(&x->owner) == w->id);
  x->flags &= (uint8_t)~FOAL__MUTED;
  w->entered += x->carried; /* what came in since the hand-over was counted already */
  x->carried = 0;
  x->flags |= FOAL__RAN;
  foal__enqueue(w, x);
}

/* There is no memory for one more here: it lives at home, where there is room. */
static void turn_away(foal__worker *w, foal_actor *x)
{
  if ((x->flags & FOAL__PINNED) != 0 && x->type != NULL) {
    foal_log(FOAL_LOG_ERROR, "out of memory: actor '%s' cannot live on worker %u",
             x->type->name, w->id);
    w->current = x;
    foal__end(w, x, FOAL_NO_MEMORY);
    w->current = NULL;
  }
  w->entered -= x->queued - x->carried;
  x->carried = (uint16_t)(x->queued < UINT16_MAX ? x->queued : UINT16_MAX);
  foal__hand_over(x, x->home);
}

static void admit(foal__worker *w, foal_actor *x)
{
  /* Those were counted before: made here, or muted here. */
  bool known = x->home == w->id || (x->flags & FOAL__MUTED) != 0;
  bool room = known || foal__ring_reserve(&w->ready, w->owned + 2);
  if (!known) w->owned++;
  if (room) {
    arrive(w, x);
  } else {
    turn_away(w, x);
  }
}

void foal__drain_inbound(foal__worker *w)
{
  /* Acquire: pairs with the pushes in foal__notify and foal__hand_over. */
  foal_actor *arrived = reversed(foal__xchg(&w->arrived, NULL, acquire), false);
  foal_actor *notified = reversed(foal__xchg(&w->notified, NULL, acquire), true);
  while (arrived != NULL) {
    foal_actor *x = arrived;
    arrived = x->travel_next;
    x->travel_next = NULL;
    admit(w, x);
  }
  while (notified != NULL) {
    foal_actor *x = notified;
    notified = x->notify_next;
    /* Acquire: as in foal__send. */
    uint32_t owner = foal__load(&x->owner, acquire);
    if (owner != w->id) {
      foal__notify(x, owner); /* it moved on: so does its notification */
      continue;
    }
    x->notified = 1;
    if (!x->scheduled) foal__schedule(w, x);
  }
}

void foal__wake_waiters(foal__worker *w, foal_actor *x)
{
  /* Acquire: pairs with the registration in turn.c; the exchange gives each waiter to
   * exactly one waker. */
  foal_actor *sender = foal__xchg(&x->waiters, NULL, acquire);
  while (sender != NULL) {
    foal_actor *next = sender->travel_next;
    uint32_t owner = foal__load(&sender->owner, acquire);
    if (owner == w->id) {
      sender->travel_next = NULL;
      arrive(w, sender);
    } else {
      foal__hand_over(sender, owner);
    }
    sender = next;
  }
}

void foal__unmute(foal__worker *w, foal_actor *x)
{
  uintptr_t word = foal__load(&x->inbox, relaxed);
  /* Without a chain the depth is only a memory of what was here. With one there is
   * another turn after this one. */
  uint32_t waiting =
      x->queued + (foal__inbox_has_mail(word) ? foal__inbox_depth(word) : 0);
  if (waiting <= foal__rt.mailbox_low) foal__wake_waiters(w, x);
}
