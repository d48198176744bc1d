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

void foal__release_later(void)
{
  foal_assert(foal__self != NULL);
  foal__self->releases++;
}
