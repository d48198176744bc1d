/* fill.c - see fill.h. */
#include "fill.h"

#include "check.h"

#include <string.h>

bool foal__fill_open(foal__fill *f, size_t room)
{
  foal_buf *b;
  foal_check(f->room == 0 && f->len == 0);
  if (!foal_buf_new(&b, room)) return false;
  f->at = foal_buf_tail(b);
  f->room = (uint32_t)foal_buf_room(b);
  foal_slot_put(&f->slot, &b);
  return true;
}

bool foal__fill_over(foal__fill *f, foal__drain *d)
{
  foal_buf *b;
  foal_check(f->room == 0 && f->len == 0);
  if (!foal_slot_take(&d->slot, &b)) return false;
  foal_buf_truncate(b, 0);
  f->at = foal_buf_tail(b);
  f->room = (uint32_t)foal_buf_room(b);
  foal_slot_put(&f->slot, &b);
  return true;
}

bool foal__fill_take(foal__fill *f, foal_buf **out)
{
  if (f->len == 0) {
    if (foal__fill_is_open(f)) foal__fill_clear(f);
    return false;
  }
  if (!foal_slot_take(&f->slot, out)) return false;
  foal_buf_extend(*out, f->len);
  memset(f, 0, sizeof *f);
  return true;
}

void foal__fill_finish(foal__fill *f, foal_bufq *q)
{
  foal_buf *b;
  if (foal__fill_take(f, &b)) foal_bufq_put(q, &b);
}

/* Out of line, as make_way in bufq.c. */
__attribute__((noinline)) void foal__fill_clear(foal__fill *f)
{
  if (!foal__fill_is_open(f)) return;
  foal_slot_clear(&f->slot);
  memset(f, 0, sizeof *f);
}

void foal__drain_from(foal__drain *d, foal_buf **b)
{
  foal_check(d->left == 0);
  d->at = foal_buf_data(*b);
  d->left = (uint32_t)foal_buf_len(*b);
  d->room = (uint32_t)foal_buf_room(*b);
  foal_slot_put(&d->slot, b);
}

/* Out of line: a session that keeps up has at most one buffer, and none in the queue. */
__attribute__((noinline)) bool foal__drain_open(foal__drain *d, foal_bufq *q)
{
  foal_buf *b;
  if (!foal_bufq_take(q, &b)) return false;
  foal__drain_from(d, &b);
  return true;
}

void foal__drain_clear(foal__drain *d)
{
  foal_slot_clear(&d->slot);
  memset(d, 0, sizeof *d);
}
