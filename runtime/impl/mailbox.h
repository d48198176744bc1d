/* mailbox.h - how a message gets into a slot, and how a slot gets onto a run queue.
 *
 * Two queues in each slot. The local FIFO is touched by the owner only: a send from
 * the owner's thread is plain memory and costs under a nanosecond. The inbox is one
 * word for all other threads: a LIFO chain with its depth. A sender swings it with one
 * compare-and-swap; the owner takes the whole chain with one exchange and reverses it,
 * so there is no ABA and no window in which a message is half in.
 *
 * Who looks? IDLE means nobody will, until told: the sender that moves the word away
 * from IDLE pushes the slot on its owner's `notified` stack, exactly once per
 * departure from IDLE, and wakes the owner if it sleeps. The owner puts the word back
 * to IDLE by compare-and-swap from 0 when it has consumed that notification and found
 * nothing. A slot that only ever gets local messages never executes a locked
 * instruction.
 *
 * The depth is what tells a sender of another thread that the mailbox is full, so it
 * must not forget what the owner has moved to a long local FIFO: taking the chain
 * leaves the length of that FIFO behind as a depth without a chain, when it is above
 * the limit.
 *
 * Order. One sender to one receiver is FIFO, also when the sender moved to the
 * receiver's worker meanwhile: a local send first takes what is in the inbox. Causal
 * order follows, since every send is visible before the next one begins.
 *
 * Memory order. Push is acq_rel, take is acquire: what the sender wrote before is
 * visible to the behaviour. `notified` is pushed seq_cst: it is the publication that
 * the parking protocol in sched.c relies on. `owner` is stored with release when a
 * slot is handed over and loaded with acquire before its private fields are touched. */
#ifndef FOAL_IMPL_MAILBOX_H
#define FOAL_IMPL_MAILBOX_H

#include "assert.h"
#include "core.h"

#define FOAL__IDLE ((uintptr_t)1)

enum {
  FOAL__BACKLOG =
      2048, /* local messages of a worker beyond which the sender's turn ends */
  FOAL__DEPTH_SHIFT = 48,
};

/* The newest message of the chain; NULL: there is no mail. */
static inline foal_msg *foal__inbox_chain(uintptr_t word)
{
  uintptr_t chain = word & ((UINT64_C(1) << FOAL__DEPTH_SHIFT) - 1);
  return chain > FOAL__IDLE ? (foal_msg *)chain : NULL;
}

static inline bool foal__inbox_has_mail(uintptr_t word)
{
  return foal__inbox_chain(word) != NULL;
}

static inline uint32_t foal__inbox_depth(uintptr_t word)
{
  return (uint32_t)(word >> FOAL__DEPTH_SHIFT);
}

/* Lets go of a message nobody will handle. */
void foal__msg_drop(foal__worker *w, foal_msg *m);

/* From the owner's thread: moves the inbox behind the local FIFO, in order. */
void foal__inbox_take(foal__worker *w, foal_actor *x);

/* From any other thread. `w` is NULL on threads that are not workers. */
void foal__send_remote(foal__worker *w, foal_actor *x, foal_msg *m, uint32_t owner);

/* Sends, on a worker; m->generation_ is set. */
void foal__send(foal__worker *w, foal_actor *x, foal_msg *m);

/* The same on any thread, w is NULL on those that are not workers; never mutes the
 * sender. */
void foal__send_control(foal__worker *w, foal_actor *x, foal_msg *m);

/* Run queues. */
static inline void foal__ring_push(foal__ring *ring, foal_actor *x)
{
  foal_debug_assert(ring->tail - ring->head < ring->capacity);
  ring->items[ring->tail++ & ring->mask] = x;
}

/* Makes room for so many in all. false: out of memory. */
bool foal__ring_reserve(foal__ring *ring, uint32_t capacity);

/* The same, or nothing; it is never full, so the place may be written in any case. */
static inline void foal__ring_push_if(foal__ring *ring, foal_actor *x, bool wanted)
{
  foal_debug_assert(ring->tail - ring->head < ring->capacity);
  ring->items[ring->tail & ring->mask] = x;
  ring->tail += wanted;
}

static inline foal_actor *foal__ring_oldest(foal__ring *ring)
{
  if (ring->head == ring->tail) return NULL;
  return ring->items[ring->head++ & ring->mask];
}
foal_actor *foal__ring_newest(foal__ring *ring);
static inline uint32_t foal__ring_count(const foal__ring *ring)
{
  return ring->tail - ring->head;
}

/* On this queue if there is memory for one more, else on `ready`, where there is room. */
static inline void foal__enqueue_on(foal__worker *w, foal__ring *ring, foal_actor *x)
{
  bool room = ring == &w->ready || foal__ring_reserve(ring, foal__ring_count(ring) + 1);
  foal__ring_push(room ? ring : &w->ready, x);
}

/* To its next turn, when it has had one here. */
static inline void foal__enqueue(foal__worker *w, foal_actor *x)
{
  foal__enqueue_on(w, (x->flags & FOAL__LATE) != 0 ? &w->late : &w->ready, x);
}

static inline void foal__schedule(foal__worker *w, foal_actor *x)
{
  foal_debug_assert(!x->scheduled);
  x->scheduled = 1;
  bool ran = (x->flags & (FOAL__RAN | FOAL__LATE)) != 0;
  x->flags |= FOAL__RAN;
  if (ran) {
    foal__enqueue(w, x);
  } else {
    foal__enqueue_on(w, &w->fresh, x);
  }
}

/* One turn of one actor: a batch of messages, bounded by count and time. */
void foal__turn(foal__worker *w, foal_actor *x);

/* Hands a slot (marked scheduled, on no queue) to another worker; the caller touches
 * nothing of it afterwards. `carried` is set. */
void foal__hand_over(foal_actor *x, uint32_t to);

/* Tells the owner of a slot that its inbox left IDLE. */
void foal__notify(foal_actor *x, uint32_t owner);

/* Takes what others pushed: notified and arrived slots. */
void foal__drain_inbound(foal__worker *w);

/* Wakes a parked worker, at most once per sleep. */
void foal__wake(foal__worker *sleeper);

/* Wakes all senders that wait for this slot, if it has room again. */
void foal__unmute(foal__worker *w, foal_actor *x);

/* Wakes them whether or not it has room. From any worker, for any slot. */
void foal__wake_waiters(foal__worker *w, foal_actor *x);

/* balance.c: gives runnable actors to a hungry worker, or one back to who talks to it. */
bool foal__pull(foal__worker *w, foal_actor *x);
bool foal__follow(foal__worker *w, foal_actor *x, const foal_actor *to);
void foal__turn_measured(foal__worker *w, foal_actor *x);
void foal__note_sender(foal__worker *w, foal_actor *x, const foal_msg *chain);

/* actor.c: the end of an incarnation. */
void foal__end(foal__worker *w, foal_actor *x, foal_err why);

#endif
