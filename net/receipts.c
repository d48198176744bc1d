/* receipts.c - a ring of marks that grows by doubling, up to FOAL_RECEIPTS_MAX.
 *
 * Invariant: marks never fall, and left <= leaving <= written. */
#include "impl/receipts.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "conn.h"

enum { FIRST_MARKS = 4 }; /* a power of two, as all sizes of the ring */

typedef struct mark {
  uint64_t token, end;
} mark;

struct foal__receipts {
  uint64_t written, leaving, left; /* bytes */
  mark *marks;
  uint32_t first, count, size;
};

/* A write on its way, of unknown length, counts as one byte: an empty piece behind it has
 * not left before it has. */
foal__receipts *foal__receipts_new(size_t waiting, bool on_its_way)
{
  foal__receipts *r = foal__alloc(sizeof *r);
  if (r == NULL) return NULL;
  uint64_t leaving = on_its_way ? 1 : 0;
  *r = (foal__receipts){.written = leaving + waiting, .leaving = leaving};
  return r;
}

void foal__receipts_drop(foal__receipts **receipts)
{
  foal_assert(receipts != NULL);
  foal__receipts *r = *receipts;
  *receipts = NULL;
  if (r == NULL) return;
  foal__free(r->marks);
  foal__free(r);
}

uint32_t foal__receipts_count(const foal__receipts *receipts)
{
  foal_assert(receipts != NULL && receipts->count <= receipts->size);
  return receipts->count;
}

void foal__receipts_written(foal__receipts *receipts, size_t bytes)
{
  foal_assert(receipts != NULL && receipts->leaving <= receipts->written);
  receipts->written += bytes;
}

static bool grow(foal__receipts *r)
{
  uint32_t size = r->size == 0 ? FIRST_MARKS : 2 * r->size;
  foal_assert(r->count == r->size && size <= FOAL_RECEIPTS_MAX);
  mark *marks = foal__alloc(size * sizeof *marks);
  if (marks == NULL) return false;
  for (uint32_t i = 0; i < r->count; i++) {
    marks[i] = r->marks[(r->first + i) & (r->size - 1)];
  }
  foal__free(r->marks);
  r->marks = marks;
  r->first = 0;
  r->size = size;
  return true;
}

bool foal__receipts_owe(foal__receipts *receipts, size_t bytes, uint64_t token)
{
  foal_assert(receipts != NULL && receipts->count < FOAL_RECEIPTS_MAX);
  if (receipts->count == receipts->size && !grow(receipts)) return false;
  uint32_t at = (receipts->first + receipts->count) & (receipts->size - 1);
  receipts->marks[at] = (mark){token, receipts->written + bytes};
  receipts->count++;
  return true;
}

void foal__receipts_leaving(foal__receipts *receipts, size_t waiting)
{
  foal_assert(receipts != NULL && waiting <= receipts->written);
  foal_assert(receipts->written - waiting >= receipts->leaving);
  receipts->leaving = receipts->written - waiting;
}

void foal__receipts_left(foal__receipts *receipts)
{
  foal_assert(receipts != NULL && receipts->left <= receipts->leaving);
  receipts->left = receipts->leaving;
}

bool foal__receipts_due(const foal__receipts *receipts)
{
  foal_assert(receipts != NULL);
  return receipts->count > 0 && receipts->marks[receipts->first].end <= receipts->left;
}

bool foal__receipts_take(foal__receipts *receipts, bool all, uint64_t *token)
{
  foal_assert(receipts != NULL && token != NULL);
  if (receipts->count == 0) return false;
  const mark *m = &receipts->marks[receipts->first];
  if (!all && m->end > receipts->left) return false;
  *token = m->token;
  receipts->first = (receipts->first + 1) & (receipts->size - 1);
  receipts->count--;
  return true;
}
