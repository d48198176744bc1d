/* fill.h - buffers that OpenSSL reads and writes through bare pointers.
 *
 * OpenSSL asks for a few bytes at a time, so the pointer into the buffer is kept beside
 * it instead of being asked for each time. The buffer lies in a slot of its own: nobody
 * else moves it, and the pointer dies when it is taken out.                            */
#ifndef FOAL_SSL_IMPL_FILL_H
#define FOAL_SSL_IMPL_FILL_H

#include "../../runtime/bufq.h"

/* A buffer being filled: `len` bytes have been written at its tail that it does not count
 * yet, `room` are free behind them, beginning at `at`. Zero is none. */
typedef struct foal__fill {
  foal_slot slot;
  uint8_t *at;
  uint32_t room, len;
} foal__fill;

/* A buffer being emptied: `left` bytes of it remain, beginning at `at`; `room` are free
 * behind them. Zero is none. */
typedef struct foal__drain {
  foal_slot slot;
  const uint8_t *at;
  uint32_t left, room;
} foal__drain;

/* Whether there is one. */
static inline bool foal__fill_is_open(const foal__fill *f)
{
  return f->at != NULL;
}

/* Begins a new buffer of at least this room; there must be none. False: out of memory. */
bool foal__fill_open(foal__fill *f, size_t room) FOAL_MUST;

/* Counts bytes that were written at `at`. */
static inline void foal__fill_wrote(foal__fill *f, size_t len)
{
  f->at += len;
  f->len += (uint32_t)len;
  f->room -= (uint32_t)len;
}

/* Begins with the buffer that is being emptied: what is written goes to its beginning,
 * so all that is left of it has to be read before. False: it has no buffer. */
bool foal__fill_over(foal__fill *f, foal__drain *d) FOAL_MUST;

/* Takes the buffer out. False: there is none, or nothing was written. */
bool foal__fill_take(foal__fill *f, foal_buf **out) FOAL_MAKES(*out);

/* Takes the buffer, if any, to the end of the queue. */
void foal__fill_finish(foal__fill *f, foal_bufq *q);

void foal__fill_clear(foal__fill *f);

/* Begins with this buffer; there must be none. */
void foal__drain_from(foal__drain *d, foal_buf **b) FOAL_TAKES(*b);

/* Begins with the next buffer of the queue. False: the queue is empty. */
bool foal__drain_open(foal__drain *d, foal_bufq *q) FOAL_MUST;

/* Counts bytes that were read at `at`; an empty buffer goes back to its pool. */
static inline void foal__drain_read(foal__drain *d, size_t len)
{
  d->at += len;
  d->left -= (uint32_t)len;
  if (d->left == 0) foal_slot_clear(&d->slot);
}

void foal__drain_clear(foal__drain *d);

#endif
