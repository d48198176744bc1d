/* oom_test.c - memory runs out, once and for good, at every allocation of a small
 * program: it ends, leaves nothing behind, and nobody aborts.
 *
 * The test brings its own allocator: the seam alloc.h. What libuv and the C library
 * allocate does not fail. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"
#include "../../runtime/impl/alloc.h"
#include "../../runtime/log.h"
#include "../../runtime/timer.h"
#include "../../runtime/work.h"

#include <stdatomic.h>

TestSuite(oom, .timeout = 120);

/* ---- an allocator that fails on demand ---- */

static _Atomic(int64_t) asked, fail_from = INT64_MAX, fail_to = INT64_MAX, held;

static bool fails(void)
{
  int64_t number = asked++;
  return number >= fail_from && number < fail_to;
}

void *foal__alloc(size_t size)
{
  void *p = fails() ? NULL : malloc(size);
  held += p != NULL;
  return p;
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  void *p = fails() ? NULL : aligned_alloc(align, size);
  held += p != NULL;
  return p;
}

void foal__free(void *p)
{
  held -= p != NULL;
  free(p);
}

/* ---- the program ---- */

typedef struct item {
  uint64_t bytes[30];
  foal_slot held;
} item;
FOAL_TAG(item)
FOAL_ACTOR_WITH_END(item)
FOAL_BEHAVIOUR1(item, count, uint64_t, number)
FOAL_BEHAVIOUR_ISO(item, hold)
FOAL_TIMER(item, ring)
FOAL_WORK(item, job)
FOAL_DOWN(item)
FOAL_BEHAVIOUR1(item, look_at, foal_tag, who)

static _Atomic(uint64_t) done;

static void item_on_count(item *self, uint64_t number)
{
  self->bytes[0] += number;
  done++;
}

static void item_on_hold(item *self, foal_buf **b)
{
  if (foal_buf_len(*b) == 0) {
    foal_slot_put(&self->held, b);
    (void)item_ring_after(self, 1);
    return;
  }
  item_job_start(self, b);
}

static void item_on_ring(item *self)
{
  (void)self;
  done++;
}

static void item_work_job(foal_buf **b)
{
  foal_buf_truncate(*b, 0);
}

static void item_on_job(item *self, foal_buf **b)
{
  foal_slot_put(&self->held, b);
  done++;
}

static void item_on_look_at(item *self, foal_tag who)
{
  item_watch(self, who);
  foal_actor_tell_end(who, FOAL_TOLD_TO_END);
}

static void item_on_down(item *self, foal_tag who, foal_err why)
{
  (void)self, (void)who, (void)why;
  done++;
}

static void item_on_end(item *self)
{
  foal_slot_clear(&self->held);
}

/* Spawns many, so that rings, slabs and pools must grow while others run. */
typedef struct maker {
  uint32_t left;
} maker;
FOAL_TAG(maker)
FOAL_ACTOR(maker)
FOAL_BEHAVIOUR1(maker, make, uint32_t, left)

static void maker_on_make(maker *self, uint32_t left)
{
  item_tag one, two;
  foal_buf *b;
  for (uint32_t i = 0; i < 50; i++) {
    uint32_t there = (left + i) % foal_workers();
    if (!item_spawn(&one)) continue;
    if (!(i % 3 == 0 ? item_spawn_pinned(&two, there) : item_spawn_on(&two, there)))
      continue;
    for (uint64_t k = 0; k < 10; k++) item_count(two, k);
    if (foal_buf_new(&b, i * 100)) item_hold(one, &b);
    if (foal_buf_from(&b, "work", 4)) item_hold(two, &b);
    if (i % 2 == 0) item_look_at(one, two.any);
  }
  if (left > 1) maker_make(maker_self(self), left - 1);
}

static void quiet(foal_log_level level, const char *line)
{
  (void)level, (void)line;
}

/* Returns whether it could begin at all. */
static bool run_program(int64_t from, int64_t to)
{
  maker_tag m;
  foal_options options = {.workers = 2, .keep_signals = true};
  asked = 0;
  done = 0;
  fail_from = from;
  fail_to = to;
  if (foal_start(&options) != FOAL_OK) return false;
  for (uint32_t i = 0; i < 2; i++) {
    if (maker_spawn_on(&m, i)) maker_make(m, 20);
  }
  (void)foal_run();
  return true;
}

static void check_run(int64_t from, int64_t to)
{
  (void)run_program(from, to);
  foal_counters c = counters();
  fail_from = INT64_MAX;
  cr_assert_eq(c.actors_live, 0, "from %lld", (long long)from);
  cr_assert_eq(c.bufs_live, 0, "from %lld", (long long)from);
  cr_assert_eq(c.works_live, 0, "from %lld", (long long)from);
  cr_assert_eq(c.timers_live, 0, "from %lld", (long long)from);
  cr_assert_eq(held, 0, "from %lld", (long long)from);
}

static int64_t allocations(void)
{
  foal_log_sink(quiet);
  cr_assert(run_program(INT64_MAX, INT64_MAX));
  cr_assert_eq(held, 0);
  cr_assert_eq(counters().messages_lost, 0);
  return asked;
}

Test(oom, once_anywhere)
{
  int64_t count = allocations(), step = count / 300 + 1;
  cr_assert_gt(count, 100);
  for (int64_t i = 0; i < count; i += i < 60 ? 1 : step) check_run(i, i + 1);
}

Test(oom, for_a_while)
{
  int64_t count = allocations(), step = count / 60 + 1;
  for (int64_t i = 0; i < count; i += step) check_run(i, i + 200);
}

Test(oom, for_good)
{
  int64_t count = allocations(), step = count / 60 + 1;
  for (int64_t i = 0; i < count; i += i < 60 ? 1 : step) check_run(i, INT64_MAX);
}
