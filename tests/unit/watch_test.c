/* watch_test.c - who watches an actor is told exactly once, whenever it asked. */
#include "run.h"

#include "../../runtime/actor.h"

#include <stdatomic.h>

typedef struct child {
  uint64_t left;
} child;
FOAL_TAG(child)
FOAL_ACTOR(child)
FOAL_BEHAVIOUR1(child, leave, foal_err, why)

typedef struct guard {
  foal_tag ward;
} guard;
FOAL_TAG(guard)
FOAL_ACTOR(guard)
FOAL_DOWN(guard)
FOAL_BEHAVIOUR1(guard, look_after, foal_tag, ward)
FOAL_BEHAVIOUR0(guard, leave)

static _Atomic(int) downs[FOAL_ERR_COUNT];
static _Atomic(int) of_others;

static int all_downs(void)
{
  int sum = 0;
  for (int i = 0; i < FOAL_ERR_COUNT; i++) sum += downs[i];
  return sum;
}

static void child_on_leave(child *self, foal_err why)
{
  (void)self;
  foal_actor_end(why);
}

static void guard_on_look_after(guard *self, foal_tag ward)
{
  self->ward = ward;
  guard_watch(self, ward);
}

static void guard_on_leave(guard *self)
{
  (void)self;
  foal_actor_end(FOAL_ENDED);
}

static void guard_on_down(guard *self, foal_tag who, foal_err why)
{
  if (!foal_tag_equal(self->ward, who)) of_others++;
  downs[why]++;
}

static guard_tag guard_new(uint32_t worker)
{
  guard_tag tag;
  if (!guard_spawn_on(&tag, worker)) abort();
  return tag;
}

static child_tag child_new(uint32_t worker)
{
  child_tag tag;
  if (!child_spawn_on(&tag, worker)) abort();
  return tag;
}

TestSuite(watch, .timeout = 60);

Test(watch, says_nothing_of_actors_that_stay)
{
  start(1);
  guard_look_after(guard_new(0), child_new(0).any);
  finish();
  cr_expect_eq(all_downs(), 0);
}

/* Order is known here: the guard itself makes its child leave. */
FOAL_BEHAVIOUR2(guard, see_off, child_tag, ward, foal_err, why)
static void guard_on_see_off(guard *self, child_tag ward, foal_err why)
{
  self->ward = ward.any;
  guard_watch(self, ward.any);
  child_leave(ward, why);
}

Test(watch, down_comes_with_the_reason)
{
  start(1);
  guard_see_off(guard_new(0), child_new(0), FOAL_LIMIT);
  guard_see_off(guard_new(0), child_new(0), FOAL_ENDED);
  finish();
  cr_expect_eq(downs[FOAL_LIMIT], 1);
  cr_expect_eq(downs[FOAL_ENDED], 1);
  cr_expect_eq(all_downs(), 2);
  cr_expect_eq(of_others, 0);
}

FOAL_BEHAVIOUR1(guard, told, child_tag, ward)
static void guard_on_told(guard *self, child_tag ward)
{
  self->ward = ward.any;
  guard_watch(self, ward.any);
  guard_watch(self, ward.any);
  foal_actor_tell_end(ward.any, FOAL_TOLD_TO_END);
  guard_watch(self, ward.any);
}

Test(watch, each_watch_is_answered_also_late_ones)
{
  start(1);
  guard_told(guard_new(0), child_new(0));
  finish();
  cr_expect_eq(downs[FOAL_TOLD_TO_END], 2);
  cr_expect_eq(downs[FOAL_GONE], 1);
}

Test(watch, nobody_is_gone)
{
  start(1);
  guard_look_after(guard_new(0), (foal_tag){0});
  finish();
  cr_expect_eq(downs[FOAL_GONE], 1);
  cr_expect_eq(of_others, 0);
}

Test(watch, an_ended_watcher_is_not_told)
{
  start(1);
  guard_tag g = guard_new(0);
  child_tag c = child_new(0);
  guard_look_after(g, c.any);
  guard_leave(g);
  finish();
  start(1);
  g = guard_new(0);
  c = child_new(0);
  guard_see_off(g, c, FOAL_ENDED);
  guard_leave(g);
  finish();
  cr_expect_eq(all_downs(), 0);
  cr_expect_geq(counters().messages_dropped, 1);
}

Test(watch, of_oneself)
{
  start(1);
  guard_tag g = guard_new(0);
  guard_look_after(g, g.any);
  guard_leave(g);
  finish();
  cr_expect_eq(all_downs(), 0);
}

/* Watches race with ends on other workers: one answer each. */
Test(watch, exactly_one_answer_across_workers)
{
  enum { PAIRS = 2000 };
  start(4);
  for (uint32_t i = 0; i < PAIRS; i++) {
    child_tag c = child_new(i % 4);
    guard_look_after(guard_new((i / 4) % 4), c.any);
    child_leave(c, FOAL_ENDED);
    guard_look_after(guard_new((i / 16) % 4), c.any);
  }
  finish();
  cr_expect_eq(all_downs(), 2 * PAIRS);
  cr_expect_eq(downs[FOAL_ENDED] + downs[FOAL_GONE], 2 * PAIRS);
  cr_expect_eq(of_others, 0);
}
