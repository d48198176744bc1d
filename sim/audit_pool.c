/* audit_pool.c - every message node and every buffer of the pools is in one place.
 *
 * Between turns a node is in a free list, on its way home, in a mailbox, or is the entry
 * of a watcher; all of them together are as many as are carved at once, so one that
 * was leaked or given back twice is missed here. Buffers may also be with actors, so
 * only those that are found are looked at. */
#include "impl/audit.h"
#include "impl/run.h"

#include "../runtime/impl/buf_head.h"
#include "../runtime/impl/mailbox.h"
#include "../runtime/impl/pool.h"

#include <stdlib.h>

enum { NODES_AT_ONCE = 256 };

/* As many as pool.c may keep: whoever raises a bound there says so here. */
static const uint32_t keeps[FOAL__BUF_CLASSES] = {1024, 256, 128, 64, 32};

static struct {
  const foal_msg **items; /* of every list */
  size_t capacity, count;
  size_t nodes; /* of them, message nodes with a home */
  uint64_t slots_free, slots_listed;
} seen;

static void see(const foal_msg *m)
{
  if (seen.count == seen.capacity) {
    seen.capacity = seen.capacity > 0 ? seen.capacity * 2 : 4096;
    void *items = realloc(seen.items, seen.capacity * sizeof *seen.items);
    if (items == NULL) abort();
    seen.items = items;
  }
  if (seen.count > 1u << 24) foal__sim_fail("a list of messages runs in a circle");
  seen.items[seen.count++] = m;
  if (m->class_ == FOAL__MSG_CLASS && m->home_ != FOAL__NO_WORKER) seen.nodes++;
}

static bool is_buffer(const foal_msg *m)
{
  return m->class_ != FOAL__MSG_CLASS;
}

static uint32_t stamp(const foal_msg *m)
{
  return ((const foal_buf *)(const void *)m)->stamp;
}

/* ---- free ones ---- */

static void see_free(const foal_msg *m, uint32_t home)
{
  for (; m != NULL; m = m->next_) {
    if (m->home_ != home) {
      foal__sim_fail("worker %u got back a node of worker %u", home, m->home_);
    }
    uint32_t s = is_buffer(m) ? stamp(m) : FOAL__STAMP_FREE;
    if (s != FOAL__STAMP_FREE) {
      foal__sim_fail("a buffer of worker %u is free and in use (stamp %u)", home, s);
    }
    see(m);
  }
}

static void see_bufs(const foal__worker *w)
{
  for (int c = 0; c < FOAL__BUF_CLASSES; c++) {
    uint32_t count = 0;
    for (const foal_msg *m = w->pool.bufs[c]; m != NULL; m = m->next_) {
      if (m->class_ != c) foal__sim_fail("a buffer is on the list of another size");
      count++;
    }
    if (count != w->pool.bufs_count[c]) {
      foal__sim_fail("worker %u keeps %u buffers of size %d and counts %u", w->id, count,
                     c, w->pool.bufs_count[c]);
    }
    if (count > keeps[c]) {
      foal__sim_fail("worker %u keeps %u buffers of size %d for later", w->id, count, c);
    }
    see_free(w->pool.bufs[c], w->id);
  }
}

static void see_slots(const foal__worker *w)
{
  for (uint32_t units = 0; units <= FOAL__SLOT_UNITS_MAX; units++) {
    for (const foal_actor *x = w->pool.slots[units]; x != NULL; x = x->travel_next) {
      if ((x->flags & FOAL__IN_POOL) == 0 || x->units != units || x->home != w->id) {
        foal__sim_fail("%s is on a list of free slots", foal__sim_slot_name(x));
      }
      if (++seen.slots_listed > UINT32_MAX) foal__sim_fail("free slots in a circle");
    }
  }
}

static void see_pool(foal__worker *w)
{
  for (const foal_msg *m = w->pool.messages; m != NULL; m = m->next_) {
    if (is_buffer(m)) foal__sim_fail("a buffer is among the free messages");
  }
  see_free(w->pool.messages, w->id);
  see_free(w->pool.reserve, w->id);
  see_free(foal__load(&w->returned, relaxed), w->id);
  for (uint32_t to = 0; to < foal__rt.workers; to++) {
    see_free(w->pool.out[to].head, to);
    if ((w->pool.out[to].head != NULL) != ((w->pool.out_any >> to & 1) != 0)) {
      foal__sim_fail("worker %u does not know what it owes worker %u", w->id, to);
    }
  }
  see_bufs(w);
  see_slots(w);
}

/* ---- those in use ---- */

static void see_mail(const foal_actor *x, const foal_msg *m)
{
  for (; m != NULL; m = m->next_) {
    uint32_t s = is_buffer(m) ? stamp(m) : FOAL__STAMP_IN_FLIGHT;
    if (s != FOAL__STAMP_IN_FLIGHT) {
      foal__sim_fail("a buffer in the mailbox of %s is in use (stamp %u)",
                     foal__sim_slot_name(x), s);
    }
    see(m);
  }
}

static void see_slot(foal__worker *home, foal_actor *x)
{
  (void)home;
  see_mail(x, x->head);
  see_mail(x, foal__inbox_chain(foal__load(&x->inbox, relaxed)));
  foal__watcher *watcher = x->watchers;
  for (; watcher != NULL; watcher = watcher->next) {
    see((const foal_msg *)(const void *)watcher - 1);
  }
  seen.slots_free += (x->flags & FOAL__IN_POOL) != 0;
}

/* ---- together ---- */

static int by_address(const void *a, const void *b)
{
  uintptr_t l = (uintptr_t) * (const foal_msg *const *)a;
  uintptr_t r = (uintptr_t) * (const foal_msg *const *)b;
  return (l > r) - (l < r);
}

static void check_once(void)
{
  qsort(seen.items, seen.count, sizeof *seen.items, by_address);
  for (size_t i = 1; i < seen.count; i++) {
    const foal_msg *m = seen.items[i];
    if (m != seen.items[i - 1]) continue;
    foal__sim_fail("a %s of worker %u is in two places",
                   is_buffer(m) ? "buffer" : "message", m->home_);
  }
}

void foal__sim_audit_pools(void)
{
  seen.count = 0;
  seen.nodes = 0;
  seen.slots_free = 0;
  seen.slots_listed = 0;
  for (uint32_t i = 0; i < foal__rt.workers; i++) see_pool(&foal__rt.worker[i]);
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], see_slot);
  }
  check_once();
  if (seen.nodes % NODES_AT_ONCE != 0) {
    foal__sim_fail("%zu message nodes are missing, or too many",
                   NODES_AT_ONCE - seen.nodes % NODES_AT_ONCE);
  }
  if (seen.slots_listed != seen.slots_free) {
    foal__sim_fail("%llu slots are free, %llu are on the lists",
                   (unsigned long long)seen.slots_free,
                   (unsigned long long)seen.slots_listed);
  }
}
