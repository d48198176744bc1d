/* worker.c - small services of the current worker for net/; see impl/worker.h. */
#include "impl/worker.h"

#include "buf.h"
#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/core.h"
#include "impl/lifetime.h"

enum { READ_BYTES = 65536 };

foal__poller *foal__worker_poller(void)
{
  foal_assert(foal__self != NULL);
  return foal__self->poller;
}

uint64_t foal__now_ms(void)
{
  foal_assert(foal__self != NULL);
  return foal__self->now_ns / 1000000;
}

uint64_t foal__recent_ms(void)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL);
  uint64_t cycles = foal__clock_cycles(); /* costs a third of what the clock costs */
  if (cycles - w->now_cycles > foal__rt.recent_cycles) {
    w->now_cycles = cycles;
    w->now_ns = foal__clock_ns();
  }
  return w->now_ns / 1000000;
}

FOAL_TRUSTED bool foal__read_buf_take(foal_buf **out)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && out != NULL);
  if (w->read_buf == NULL) return foal_buf_new(out, READ_BYTES);
  *out = w->read_buf;
  w->read_buf = NULL;
  return true;
}

FOAL_TRUSTED void foal__read_buf_give(foal_buf **b)
{
  foal__worker *w = foal__self;
  foal_assert(w != NULL && b != NULL && *b != NULL);
  if (w->read_buf != NULL) {
    foal_buf_drop(b);
    return;
  }
  foal_buf_truncate(*b, 0);
  (*b)->stamp = FOAL__STAMP_NOBODY;
  w->read_buf = *b;
  *b = NULL;
}

FOAL_TRUSTED void foal__read_buf_release(foal__worker *w)
{
  if (w->read_buf == NULL) return;
  foal_buf *b = w->read_buf;
  w->read_buf = NULL;
  foal_buf_drop(&b);
}

bool foal__leaving(void)
{
  foal_assert(foal__self != NULL);
  return foal__self->leaving;
}

void foal__release_later(void)
{
  foal_assert(foal__self != NULL);
  foal__self->releases++;
}

void foal__refs_begin(foal__refs *refs)
{
  foal_assert(refs != NULL);
  foal__store(&refs->count, 1, relaxed); /* not shared yet */
}

void foal__refs_share(foal__refs *refs)
{
  /* Relaxed: whoever shares holds a handle, so the count cannot reach zero meanwhile. */
  uint32_t before = foal__add(&refs->count, 1, relaxed);
  foal_assert(before > 0 && before < UINT32_MAX);
}

bool foal__refs_drop(foal__refs *refs)
{
  /* Acq_rel: the last one frees after every other holder's reads; pairs with itself. */
  uint32_t before = foal__sub(&refs->count, 1, acq_rel);
  foal_assert(before > 0);
  return before == 1;
}

bool foal__refs_alone(foal__refs *refs)
{
  /* Acquire: pairs with the drop of whoever else held one. */
  return foal__load(&refs->count, acquire) == 1;
}
