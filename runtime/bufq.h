/* bufq.h - where an iso may wait between turns: a slot or a queue; a val: a slot.
 *
 * The checker follows an iso through one function, not from one turn to the next. So an
 * actor never keeps a bare foal_buf * in its state; it keeps a slot or a queue, and takes
 * the buffer out again (Pony's destructive read).
 * All are plain values inside the actor's state, zero-initialised; their fields are
 * private. Nobody empties them when the actor ends: do that in T_on_end
 * (FOAL_ACTOR_WITH_END), in a protocol in T_on_closed. "Where the slot belongs to" means
 * the turns of the actor in whose state it is. A queue with a bound (foal_bufq_bound) has
 * to be asked before putting: foal_bufq_room. */
#ifndef FOAL_BUFQ_H
#define FOAL_BUFQ_H

#include "buf.h"

/* One owned buffer or none. Zero is empty. */
typedef struct foal_slot {
  foal_buf *held_;
} foal_slot;

/* One handle of a val or none. Zero is empty. */
typedef struct foal_val_slot {
  foal_val *held_;
} foal_val_slot;

/* A FIFO of owned buffers. Zero is empty with no bound but memory; set one with
 * foal_bufq_bound. */
typedef struct foal_bufq {
  foal_buf *head_;
  foal_buf *tail_;
  size_t bytes_;
  uint32_t bytes_max_;
  uint32_t count_;
} foal_bufq;

/** Puts a buffer into the slot. A buffer that was there is dropped first.
 *  s      borrowed
 *  b      iso, moved; *b is NULL on return
 *  runs   where the slot belongs to */
FOAL_API void foal_slot_put(foal_slot *s, foal_buf **b) FOAL_TAKES(*b);

/** Takes the buffer out of the slot.
 *  s      borrowed; empty afterwards
 *  out    out-owned iso
 *  runs   where the slot belongs to
 *  fails  false: the slot was empty */
FOAL_API bool foal_slot_take(foal_slot *s, foal_buf **out) FOAL_MAKES(*out);

/** Whether a buffer is in the slot.
 *  s      borrowed
 *  runs   where the slot belongs to */
FOAL_API bool foal_slot_full(const foal_slot *s);

/** Drops what is in the slot.
 *  s      borrowed; empty afterwards
 *  runs   where the slot belongs to */
FOAL_API void foal_slot_clear(foal_slot *s);

/** Puts a handle into the slot. One that was there is dropped first.
 *  s      borrowed
 *  v      val, moved; *v is NULL on return
 *  runs   where the slot belongs to */
static inline void foal_val_slot_put(foal_val_slot *s, foal_val **v) FOAL_TAKES(*v);

/** Takes the handle out of the slot.
 *  s      borrowed; empty afterwards
 *  out    out-owned val
 *  runs   where the slot belongs to
 *  fails  false: the slot was empty */
static inline bool foal_val_slot_take(foal_val_slot *s, foal_val **out) FOAL_MAKES(*out);

/** Makes one more handle of what is in the slot.
 *  s      borrowed
 *  out    out-owned val
 *  runs   where the slot belongs to
 *  fails  false: the slot was empty */
static inline bool foal_val_slot_share(const foal_val_slot *s, foal_val **out)
    FOAL_MAKES(*out);

/** Drops what is in the slot.
 *  s      borrowed; empty afterwards
 *  runs   where the slot belongs to */
static inline void foal_val_slot_clear(foal_val_slot *s);

/** Sets the bound of the queue.
 *  q          borrowed
 *  bytes_max  bytes; 0: no bound; from 4 GiB on: 4 GiB. What is queued already stays
 *  runs       where the queue belongs to */
FOAL_API void foal_bufq_bound(foal_bufq *q, size_t bytes_max);

/** How many bytes may still be put. One buffer may pass the bound by its own length: a
 *  put is legal whenever the room is not 0.
 *  q      borrowed
 *  returns bytes; SIZE_MAX without a bound
 *  runs   where the queue belongs to */
FOAL_API size_t foal_bufq_room(const foal_bufq *q);

/** Appends a buffer. Putting into a queue without room is a programmer error and aborts.
 *  q      borrowed
 *  b      iso, moved; *b is NULL on return
 *  runs   where the queue belongs to */
FOAL_API void foal_bufq_put(foal_bufq *q, foal_buf **b) FOAL_TAKES(*b);

/** Puts a buffer back to the front, whatever the bound (it was there before).
 *  q      borrowed
 *  b      iso, moved; *b is NULL on return
 *  runs   where the queue belongs to */
FOAL_API void foal_bufq_put_back(foal_bufq *q, foal_buf **b) FOAL_TAKES(*b);

/** Takes the oldest buffer.
 *  q      borrowed
 *  out    out-owned iso
 *  runs   where the queue belongs to
 *  fails  false: the queue was empty */
FOAL_API bool foal_bufq_take(foal_bufq *q, foal_buf **out) FOAL_MAKES(*out);

/** How many bytes are queued.
 *  q      borrowed
 *  runs   where the queue belongs to */
FOAL_API size_t foal_bufq_bytes(const foal_bufq *q);

/** How many buffers are queued.
 *  q      borrowed
 *  runs   where the queue belongs to */
FOAL_API size_t foal_bufq_count(const foal_bufq *q);

/** Drops everything queued.
 *  q      borrowed; empty afterwards, its bound kept
 *  runs   where the queue belongs to */
FOAL_API void foal_bufq_clear(foal_bufq *q);

/* A slot is where ownership leaves the checker's sight, so what follows is trusted. */

FOAL_TRUSTED FOAL_UNUSED static inline void foal_val_slot_clear(foal_val_slot *s)
{
  if (s->held_ != NULL) foal_val_drop(&s->held_);
}

FOAL_TRUSTED FOAL_UNUSED static inline void foal_val_slot_put(foal_val_slot *s,
                                                              foal_val **v)
{
  foal_val_slot_clear(s);
  s->held_ = *v;
  *v = NULL;
}

FOAL_TRUSTED FOAL_UNUSED static inline bool foal_val_slot_take(foal_val_slot *s,
                                                               foal_val **out)
{
  if (s->held_ == NULL) return false;
  *out = s->held_;
  s->held_ = NULL;
  return true;
}

FOAL_TRUSTED FOAL_UNUSED static inline bool foal_val_slot_share(const foal_val_slot *s,
                                                                foal_val **out)
{
  if (s->held_ == NULL) return false;
  foal_val_share(s->held_, out);
  return true;
}

#endif
