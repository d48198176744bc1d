/* pool.c - see pool.h. Only `returned` is shared: a stack that anybody pushes chains
 * on and that its owner takes as a whole, so there is no ABA. */
#include "pool.h"

#include "alloc.h"
#include "assert.h"
#include "fault.h"
#include "guest.h"
#include "mailbox.h"
#include "timer_node.h"

#include <string.h>

enum {
  SLAB_BYTES = 64 * 1024,
  CHUNK_BYTES = 4 * SLAB_BYTES, /* nobody touches what was not carved from it yet */
  CHAIN_NODES = 32,
  RESERVE_NODES = 256,
  REFILL_NODES = 256,
  LINE_BYTES = 64,
  UNIT_BYTES = 16,
  SLOT_UNITS_MIN = 8, /* the head and one or two words */
  FINE_BYTES = 256,   /* up to four lines every 16 bytes count; above, whole lines keep
                         the number of sizes down */
  STATE_SMALL = 2 * UNIT_BYTES,
  LOOKS_MAX = 16,
};

/* What was carved, so that it can be freed and slots can be enumerated. */
typedef struct foal__slab {
  struct foal__slab *next;
  char *bytes;
  uint32_t slot_bytes, slot_count; /* when it is cut into slots */
} foal__slab;

static const uint32_t buf_bytes[FOAL__BUF_CLASSES] = {512, 2048, 4096 + 128,
                                                      16384 + 512 + 128, 65536 + 192};
static const uint32_t buf_keep[FOAL__BUF_CLASSES] = {1024, 256, 128, 64, 32};

static foal__slab *slab_new(foal__slab **list, size_t bytes)
{
  foal__slab *slab = foal__alloc(sizeof *slab);
  if (slab == NULL || foal__fault("pool.slab")) {
    foal__free(slab);
    return NULL;
  }
  memset(slab, 0, sizeof *slab);
  slab->bytes = foal__alloc_aligned(LINE_BYTES, bytes);
  if (slab->bytes == NULL) {
    foal__free(slab);
    return NULL;
  }
  slab->next = *list;
  *list = slab;
  return slab;
}

static void slabs_free(foal__slab **list)
{
  foal__slab *slab;
  while ((slab = *list) != NULL) {
    *list = slab->next;
    foal__free(slab->bytes);
    foal__free(slab);
  }
}

void *foal__carve(foal__worker *w, size_t bytes)
{
  foal__pool *pool = &w->pool;
  bytes = (bytes + LINE_BYTES - 1) & ~(size_t)(LINE_BYTES - 1);
  foal_assert(bytes <= CHUNK_BYTES);
  if (pool->chunk_left < bytes) {
    foal__slab *slab = slab_new(&pool->slabs, CHUNK_BYTES);
    if (slab == NULL) return NULL;
    pool->chunk = slab->bytes;
    pool->chunk_left = CHUNK_BYTES;
  }
  void *piece = pool->chunk;
  pool->chunk += bytes;
  pool->chunk_left -= bytes;
  return piece;
}

/* Puts so many new message nodes on a list; false: out of memory. */
static bool nodes_carve(foal__worker *w, foal_msg **list, size_t count)
{
  char *bytes = foal__carve(w, count * FOAL_MSG_BYTES);
  if (bytes == NULL) return false;
  while (count-- > 0) { /* backwards, so that the list walks them forwards */
    foal_msg *m = (foal_msg *)(void *)(bytes + count * FOAL_MSG_BYTES);
    m->home_ = (uint16_t)w->id;
    m->class_ = FOAL__MSG_CLASS;
    m->next_ = *list;
    *list = m;
  }
  return true;
}

bool foal__pool_open(foal__worker *w)
{
  memset(&w->pool, 0, sizeof w->pool);
  return nodes_carve(w, &w->pool.reserve, RESERVE_NODES);
}

void foal__pool_close(foal__worker *w)
{
  foal__pool *pool = &w->pool;
  foal__pool_collect(w);
  for (int c = 0; c < FOAL__BUF_CLASSES; c++) {
    foal_msg *m;
    while ((m = pool->bufs[c]) != NULL) {
      pool->bufs[c] = m->next_;
      foal__free(m);
    }
  }
  slabs_free(&pool->slabs);
  slabs_free(&pool->slot_slabs);
  memset(pool, 0, sizeof *pool);
}

/* ---- going home ---- */

static void push_home(foal__worker *home, foal_msg *first, foal_msg *last)
{
  /* Release: pairs with the acquire exchange in foal__pool_collect; the node's last
   * writes come before its reuse. */
  foal_msg *top = foal__load(&home->returned, relaxed);
  do {
    last->next_ = top;
  } while (!foal__cas(&home->returned, &top, first, release));
}

static void flush_one(foal__worker *w, uint32_t to)
{
  foal__outbox *out = &w->pool.out[to];
  foal_debug_assert(out->head != NULL && out->tail != NULL);
  push_home(&foal__rt.worker[to], out->head, out->tail);
  *out = (foal__outbox){NULL, NULL, 0};
  w->pool.out_any &= ~(UINT64_C(1) << to);
}

void foal__pool_flush(foal__worker *w)
{
  while (w->pool.out_any != 0) flush_one(w, (uint32_t)__builtin_ctzll(w->pool.out_any));
}

void foal__node_return(foal__worker *w, foal_msg *m)
{
  uint32_t to = m->home_;
  if (to == FOAL__NO_WORKER) {
    foal__free(m);
    return;
  }
  foal_assert(to < foal__rt.workers);
  if (w == NULL) {
    push_home(&foal__rt.worker[to], m, m);
    return;
  }
  foal__outbox *out = &w->pool.out[to];
  m->next_ = out->head;
  if (out->tail == NULL) out->tail = m;
  out->head = m;
  w->pool.out_any |= UINT64_C(1) << to;
  if (++out->count >= CHAIN_NODES) flush_one(w, to);
}

static void keep_buf(foal__worker *w, foal_msg *m)
{
  uint8_t c = (uint8_t)m->class_;
  foal_debug_assert(c < FOAL__BUF_CLASSES);
  if (w->pool.bufs_count[c] >= buf_keep[c]) {
    foal__free(m);
    return;
  }
  w->pool.bufs_count[c]++;
  m->next_ = w->pool.bufs[c];
  w->pool.bufs[c] = m;
}

void foal__pool_collect(foal__worker *w)
{
  if (foal__load(&w->returned, relaxed) == NULL) return;
  foal_msg *m = foal__xchg(&w->returned, NULL, acquire);
  while (m != NULL) {
    foal_msg *next = m->next_;
    if (m->class_ == FOAL__MSG_CLASS) {
      m->next_ = w->pool.messages;
      w->pool.messages = m;
    } else {
      keep_buf(w, m);
    }
    m = next;
  }
}

/* ---- messages ---- */

foal_msg *foal__msg_refill(foal__worker *w)
{
  foal__pool_collect(w);
  if (w->pool.messages == NULL) (void)nodes_carve(w, &w->pool.messages, REFILL_NODES);
  foal_msg *m = w->pool.messages;
  if (m != NULL) {
    w->pool.messages = m->next_;
    return m;
  }
  m = w->pool.reserve;
  if (m != NULL) w->pool.reserve = m->next_;
  return m;
}

foal_msg *foal__loose_message(void)
{
  foal_msg *m = foal__alloc(FOAL_MSG_BYTES);
  if (m == NULL) return NULL;
  m->home_ = FOAL__NO_WORKER;
  m->class_ = FOAL__MSG_CLASS;
  return m;
}

/* ---- slots ---- */

static void slots_carve(foal__worker *w, uint32_t units)
{
  uint32_t slot_bytes = units * UNIT_BYTES;
  uint32_t count = SLAB_BYTES / slot_bytes;
  if (!foal__ring_reserve(&w->ready, w->owned + count + 1)) return;
  foal__slab *slab = slab_new(&w->pool.slot_slabs, SLAB_BYTES);
  if (slab == NULL) return;
  slab->slot_bytes = slot_bytes;
  slab->slot_count = count;
  w->owned += count;
  memset(slab->bytes, 0, SLAB_BYTES);
  for (uint32_t i = count; i-- > 0;) {
    foal_actor *x = (foal_actor *)(void *)(slab->bytes + (size_t)i * slot_bytes);
    x->home = (uint16_t)w->id;
    x->units = (uint8_t)units;
    x->generation = 1;
    x->end = &x->head;
    x->flags = FOAL__IN_POOL;
    foal__store(&x->inbox, (uintptr_t)1, relaxed);
    foal__store(&x->owner, w->id, relaxed);
    x->travel_next = w->pool.slots[units];
    w->pool.slots[units] = x;
  }
}

/* A free slot of this size that no stale message has put on a run queue: a slot given
 * to another worker right away must be on none. Only the first few are looked at:
 * making a slot is cheaper than a long walk. */
static foal_actor **slot_find(foal__worker *w, uint32_t units)
{
  foal_actor **link = &w->pool.slots[units];
  for (int i = 0; i < LOOKS_MAX && *link != NULL; i++) {
    if (!(*link)->scheduled) return link;
    link = &(*link)->travel_next;
  }
  return NULL;
}

/* The size of a slot with a state of so many bytes. */
static size_t slot_units(size_t state_bytes)
{
  size_t bytes = sizeof(foal_actor) + state_bytes;
  if (bytes <= SLOT_UNITS_MIN * UNIT_BYTES) return SLOT_UNITS_MIN;
  if (bytes <= FINE_BYTES) return (bytes + UNIT_BYTES - 1) / UNIT_BYTES;
  return (bytes + LINE_BYTES - 1) / LINE_BYTES * (LINE_BYTES / UNIT_BYTES);
}

/* Small ones without a call; the slot is a whole number of units. */
static void state_clear(void *state, size_t bytes)
{
  if (bytes > STATE_SMALL) {
    memset(state, 0, bytes);
    return;
  }
  char *at = state;
  if (bytes > 0) memset(at, 0, UNIT_BYTES);
  if (bytes > UNIT_BYTES) memset(at + UNIT_BYTES, 0, UNIT_BYTES);
}

foal_actor *foal__slot_take(foal__worker *w, size_t state_bytes)
{
  size_t units = slot_units(state_bytes);
  bool own_state = units > FOAL__SLOT_UNITS_MAX;
  if (own_state) units = SLOT_UNITS_MIN;
  foal_actor **link = slot_find(w, (uint32_t)units);
  if (link == NULL) {
    slots_carve(w, (uint32_t)units);
    link = slot_find(w, (uint32_t)units);
  }
  if (link == NULL) return NULL;
  foal_actor *x = *link;
  void *state = own_state ? foal__alloc(state_bytes) : x + 1;
  if (state == NULL) return NULL;
  foal_assert(x->type == NULL && (x->flags & FOAL__IN_POOL) != 0);
  *link = x->travel_next;
  x->travel_next = NULL;
  x->flags = own_state ? FOAL__OWN_STATE : 0;
  if (own_state) *(void **)(void *)(x + 1) = state;
  x->state = state;
  state_clear(state, state_bytes);
  return x;
}

void foal__state_free(foal_actor *x)
{
  foal_assert((x->flags & FOAL__OWN_STATE) != 0);
  foal__free(*(void **)(void *)(x + 1));
}

void foal__slot_give(foal__worker *w, foal_actor *x)
{
  foal_assert(x->home == w->id && x->type == NULL);
  if ((x->flags & (FOAL__IN_POOL | FOAL__RETIRED)) != 0) return;
  x->flags = FOAL__IN_POOL;
  x->travel_next = w->pool.slots[x->units];
  w->pool.slots[x->units] = x;
}

void foal__slots_each(foal__worker *w, void (*each)(foal__worker *w, foal_actor *x))
{
  for (foal__slab *slab = w->pool.slot_slabs; slab != NULL; slab = slab->next) {
    for (uint32_t i = 0; i < slab->slot_count; i++) {
      each(w, (foal_actor *)(void *)(slab->bytes + (size_t)i * slab->slot_bytes));
    }
  }
}

/* ---- timers ---- */

foal__timer *foal__timer_take(foal__worker *w)
{
  foal__timer *t = w->pool.timers;
  if (t != NULL) {
    w->pool.timers = t->next;
    return t;
  }
  t = foal__carve(w, sizeof *t);
  if (t != NULL) memset(t, 0, sizeof *t);
  return t;
}

void foal__timer_give(foal__worker *w, foal__timer *t)
{
  foal_debug_assert(t->link == NULL);
  t->next = w->pool.timers;
  w->pool.timers = t;
}

/* ---- buffers ---- */

void *foal__buf_take(size_t bytes, size_t *got, uint8_t *class_, uint16_t *home)
{
  foal__worker *w = foal__self;
  uint8_t c = 0;
  while (c < FOAL__BUF_CLASSES && buf_bytes[c] < bytes) c++;
  bool pooled = c < FOAL__BUF_CLASSES && w != NULL;
  *class_ = pooled ? c : (uint8_t)FOAL__LOOSE_CLASS;
  *home = pooled ? (uint16_t)w->id : (uint16_t)FOAL__NO_WORKER;
  *got = c < FOAL__BUF_CLASSES ? buf_bytes[c] : bytes;
  if (pooled && w->pool.bufs[c] == NULL) foal__pool_collect(w);
  if (pooled && w->pool.bufs[c] != NULL) {
    foal_msg *m = w->pool.bufs[c];
    w->pool.bufs[c] = m->next_;
    w->pool.bufs_count[c]--;
    return m;
  }
  if (foal__fault("pool.buf")) return NULL;
  return foal__alloc(*got);
}

void foal__buf_give(foal_msg *m)
{
  foal__worker *w = foal__self;
  if (m->home_ == FOAL__NO_WORKER) {
    foal__free(m);
    return;
  }
  bool guest = w == NULL && foal__guest_enter();
  if ((w == NULL && !guest) || m->home_ >= foal__rt.workers) {
    foal__free(m); /* the runtime ended before the buffer did */
  } else if (w != NULL && m->home_ == w->id) {
    keep_buf(w, m);
  } else {
    foal__node_return(w, m);
  }
  if (guest) foal__guest_leave();
}
