/* runtime_refuse_test.c - memory for one message, one timer, one actor or one piece of
 * work is not there, at every place that asks for it; and a system that does not say how
 * many processors it has.
 *
 * Whatever is refused: no crash, and nothing is left. */
#include "runtime_refusals.h"
#include "unit/run.h"
#include "unit/watched.h"

#include "runtime/actor.h"
#include "runtime/bufq.h"
#include "runtime/impl/worker.h"
#include "runtime/log.h"
#include "runtime/timer.h"
#include "runtime/work.h"

TestSuite(runtime_refuse, .timeout = 120);

/* ---- the program: a child that is watched, told to end, and works ---- */

typedef struct child {
  uint64_t sum;
  foal_slot held;
} child;
FOAL_TAG(child)
FOAL_ACTOR_WITH_END(child)
FOAL_BEHAVIOUR1(child, add, uint64_t, number)
FOAL_BEHAVIOUR_ISO(child, hold)
FOAL_BEHAVIOUR0(child, finish)
FOAL_WORK(child, job)

typedef struct parent {
  child_tag child;
  foal_timer alarm;
  uint32_t rings;
} parent;
FOAL_TAG(parent)
FOAL_ACTOR(parent)
FOAL_BEHAVIOUR0(parent, begin)
FOAL_DOWN(parent)
FOAL_TIMER(parent, ring)
FOAL_TIMER(parent, late)
FOAL_BEHAVIOUR0(parent, stop)

static uint32_t rings, downs, stops;

static void child_on_add(child *self, uint64_t number)
{
  self->sum += number;
}

static void child_on_hold(child *self, foal_buf **b)
{
  child_job_start(self, b);
}

static void child_work_job(foal_buf **b)
{
  foal_buf_truncate(*b, 0);
}

static void child_on_job(child *self, foal_buf **b)
{
  foal_slot_put(&self->held, b);
}

static void child_on_finish(child *self)
{
  (void)self;
  foal_actor_end(FOAL_ENDED);
}

static void child_on_end(child *self)
{
  foal_slot_clear(&self->held);
}

static void parent_on_begin(parent *self)
{
  foal_buf *b;
  foal__on_drain(parent_self(self).any, &parent__be_stop);
  if (!child_spawn(&self->child)) return;
  parent_watch(self, self->child.any);
  child_add(self->child, 1);
  if (foal_buf_new(&b, 10)) child_hold(self->child, &b);
  self->alarm = parent_late_after(self, 60000);
  (void)parent_ring_after(self, 1);
}

static void parent_on_ring(parent *self)
{
  rings++;
  (void)foal_timer_cancel(self->alarm);
  if (++self->rings > 1) {
    foal_drain();
    return;
  }
  parent_watch(self, self->child.any);
  child_finish(self->child);
  foal_actor_tell_end(self->child.any, FOAL_TOLD_TO_END);
  (void)parent_ring_after(self, 0);
}

/* Without memory for it, a timer rings at once. */
static void parent_on_late(parent *self)
{
  (void)self;
}

static void parent_on_stop(parent *self)
{
  if (++stops == 1) foal__on_drain(parent_self(self).any, &parent__be_stop);
}

static void parent_on_down(parent *self, foal_tag who, foal_err why)
{
  (void)self, (void)who, (void)why;
  downs++;
}

static void quiet(foal_log_level level, const char *line)
{
  (void)level, (void)line;
}

static bool scenario(void)
{
  parent_tag p;
  foal_options options = {.workers = 1, .keep_signals = true};
  rings = downs = stops = 0;
  if (foal_start(&options) != FOAL_OK) return false;
  if (parent_spawn(&p)) parent_begin(p);
  int status = run_watched();
  return status == 0 && rings == 2 && downs == 2 && stops == 2;
}

static void check_end(const char *what, unsigned n)
{
  foal_counters c = counters();
  cr_assert_eq(c.actors_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.bufs_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.timers_live, 0, "%s, call %u", what, n);
  cr_assert_eq(c.works_live, 0, "%s, call %u", what, n);
}

Test(runtime_refuse, anything_may_be_missing_once)
{
  unsigned all = 0;
  foal_log_sink(quiet);
  for (refusable *r = refusables; r != NULL; r = r->next) {
    refuse_none();
    cr_assert(scenario(), "it works when nothing is refused: %u, %u, %u", rings, downs,
              stops);
    unsigned calls = r->calls;
    all += calls;
    for (unsigned n = 1; n <= calls; n++) {
      refuse_none();
      refuse_at(r, n, 1);
      (void)scenario();
      check_end(r->name, n);
    }
  }
  cr_assert_gt(all, 10);
}

/* Outside the workers a message needs memory, too. */
Test(runtime_refuse, a_message_from_outside_may_be_missing)
{
  parent_tag p;
  start(1);
  cr_assert(parent_spawn(&p));
  foal_log_sink(quiet);
  cr_assert_eq(finish(), 0);
  refuse_next("foal__loose_message", 2, 0);
  parent_begin(p);
  foal_actor_tell_end(p.any, FOAL_ENDED);
  check_nothing_left();
}

/* Whoever does not know how many processors there are still has one. */
Test(runtime_refuse, processors_need_not_be_known)
{
  foal_options options = {.keep_signals = true};
  refuse_next("sched_getaffinity", 1, 0);
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert_geq(foal_workers(), 1);
  cr_assert_eq(foal_run(), 0);
  refuse_next("sched_getaffinity", 1, 0);
  refuse_next("sysconf", 1, 0);
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert_eq(foal_workers(), 1);
  cr_assert_eq(foal_run(), 0);
}

/* Nor where to bind workers to. */
Test(runtime_refuse, workers_need_not_be_pinned)
{
  foal_options options = {.keep_signals = true, .workers = 2, .pin_workers = true};
  refuse_none();
  refuse_at(&refusable_sched_getaffinity, 1, 100);
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert_eq(foal_run(), 0);
  refuse_none();
}
