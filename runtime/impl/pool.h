/* pool.h - memory of one worker: message nodes, buffers, slots, timers.
 *
 * Everything has a home worker. Freed there it goes to a free list; freed elsewhere it
 * waits in an outbox and goes home in a chain, one atomic operation for up to 32
 * nodes. Free lists of buffers are bounded; message nodes, slots and timers are carved
 * from slabs that live as long as the runtime (slots must: see core.h). */
#ifndef FOAL_IMPL_POOL_H
#define FOAL_IMPL_POOL_H

#include "core.h"

#include <stdbool.h>

enum {
  FOAL__MSG_CLASS = 0xff,  /* class_ of a 64-byte node */
  FOAL__LOOSE_CLASS = 0xfe /* class_ of a buffer with memory of its own */
};

bool foal__pool_open(foal__worker *w);
/* Frees everything; the worker's thread is joined and every other pool has been
 * flushed. */
void foal__pool_close(foal__worker *w);

/* Gives all outboxes to their homes. Before parking, and now and then. */
void foal__pool_flush(foal__worker *w);

/* The slow halves of the inline functions below. */
foal_msg *foal__msg_refill(foal__worker *w);
void foal__node_return(foal__worker *w, foal_msg *m);
/* Sorts what came home into the free lists. */
void foal__pool_collect(foal__worker *w);

/* A piece of a slab, 64-byte aligned; NULL when memory is exhausted. */
void *foal__carve(foal__worker *w, size_t bytes);

/* A free slot with room for `bytes` of state, not in use by anybody; NULL without
 * memory. */
foal_actor *foal__slot_take(foal__worker *w, size_t state_bytes);
/* Puts a dead, quiet slot of this home back. */
void foal__slot_give(foal__worker *w, foal_actor *x);
/* Calls back for every slot carved by this worker. */
void foal__slots_each(foal__worker *w, void (*each)(foal__worker *w, foal_actor *x));

/* Frees the state of a slot that has memory of its own; call with x->state of the
 * spawn. */
void foal__state_free(foal_actor *x);

/* A message node for a thread that is not a worker; NULL without memory. */
foal_msg *foal__loose_message(void);

foal__timer *foal__timer_take(foal__worker *w);
void foal__timer_give(foal__worker *w, foal__timer *t);

/* Memory for a buffer of at least `bytes` (header included) and its class. */
void *foal__buf_take(size_t bytes, size_t *got, uint8_t *class_, uint16_t *home);
void foal__buf_give(foal_msg *m);

static inline foal_msg *foal__msg_take(foal__worker *w)
{
  foal_msg *m = w->pool.messages;
  if (__builtin_expect(m == NULL, 0)) return foal__msg_refill(w);
  w->pool.messages = m->next_;
  return m;
}

/* One of ours is free again. */
static inline void foal__msg_keep(foal__worker *w, foal_msg *m)
{
  m->next_ = w->pool.messages;
  w->pool.messages = m;
}

static inline void foal__msg_give(foal__worker *w, foal_msg *m)
{
  if (__builtin_expect(m->home_ != w->id, 0)) {
    foal__node_return(w, m);
    return;
  }
  foal__msg_keep(w, m);
}

#endif
