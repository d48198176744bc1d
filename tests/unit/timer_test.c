/* timer_test.c - timers: never early, in order, cancelled for good, and gone with
 * their actor; and the wheel alone, against a list, over days. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/impl/pool.h"
#include "../../runtime/impl/timer_node.h"
#include "../../runtime/timer.h"

#include <stdatomic.h>

TestSuite(timer, .timeout = 60);

static uint64_t now_us(void)
{
  return foal__clock_ns() / 1000;
}

/* ---- one alarm clock that checks itself ---- */

typedef struct bell {
  uint64_t due_us;
  foal_timer first, second;
  uint32_t left;
} bell;
FOAL_TAG(bell)
FOAL_ACTOR(bell)
FOAL_TIMER(bell, ring)
FOAL_TIMER(bell, other)
FOAL_BEHAVIOUR1(bell, arm, uint64_t, delay_ms)
FOAL_BEHAVIOUR0(bell, long_turn)
FOAL_BEHAVIOUR0(bell, cancel_one)
FOAL_BEHAVIOUR0(bell, cancel_expired)
FOAL_BEHAVIOUR0(bell, stale_handles)
FOAL_BEHAVIOUR0(bell, arm_and_leave)
FOAL_BEHAVIOUR1(bell, in_order, uint32_t, count)
FOAL_BEHAVIOUR0(bell, longest)
FOAL_BEHAVIOUR1(bell, again, uint32_t, count)

static _Atomic(uint64_t) rings, others, early, wrong;

static void bell_on_ring(bell *self)
{
  if (now_us() < self->due_us) early++;
  rings++;
}

static void bell_on_other(bell *self)
{
  (void)self;
  others++;
}

static void bell_on_arm(bell *self, uint64_t delay_ms)
{
  self->due_us = now_us() + delay_ms * 1000;
  bell_ring_after(self, delay_ms);
}

static bell_tag bell_new(uint32_t worker)
{
  bell_tag tag;
  if (!bell_spawn_on(&tag, worker)) abort();
  return tag;
}

Test(timer, keeps_the_program_alive_and_is_never_early)
{
  start(2);
  for (uint64_t ms = 0; ms < 200; ms++) bell_arm(bell_new((uint32_t)ms % 2), ms);
  uint64_t began = now_us();
  finish();
  cr_expect_geq(now_us() - began, 199000);
  cr_expect_eq(rings, 200);
  cr_expect_eq(early, 0);
}

/* A worker that spins a second before it sleeps. */
Test(timer, is_not_late_because_its_worker_spins)
{
  start_with((foal_options){.workers = 1, .spin_us = 1000000});
  bell_arm(bell_new(0), 20);
  uint64_t began = now_us();
  finish();
  /* Afterwards there is nothing to wait for, and it spins once more. */
  cr_expect_eq(rings, 1);
  cr_expect_lt(now_us() - began, 1500000);
}

static void spend_us(uint64_t us)
{
  uint64_t until = now_us() + us;
  while (now_us() < until) (void)0;
}

static void bell_on_long_turn(bell *self)
{
  spend_us(3000); /* the runtime's idea of now is old */
  bell_on_arm(self, 5);
}

Test(timer, is_not_early_after_a_long_turn)
{
  start(1);
  bell_long_turn(bell_new(0));
  finish();
  cr_expect_eq(rings, 1);
  cr_expect_eq(early, 0);
}

static void bell_on_cancel_one(bell *self)
{
  self->first = bell_ring_after(self, 60000);
  self->second = bell_other_after(self, 1);
  if (!foal_timer_cancel(self->first)) wrong++;
  if (foal_timer_cancel(self->first)) wrong++;
}

Test(timer, cancelled_does_not_ring_nor_keep_alive)
{
  start(1);
  bell_cancel_one(bell_new(0));
  uint64_t began = now_us();
  finish();
  cr_expect_lt(now_us() - began, 30000000);
  cr_expect_eq(rings, 0);
  cr_expect_eq(others, 1);
  cr_expect_eq(wrong, 0);
}

/* Both expire in the same tick; whichever message comes first cancels the other one,
 * whose message is waiting already. */
FOAL_TIMER(bell, left_hand)
FOAL_TIMER(bell, right_hand)
static void bell_on_left_hand(bell *self)
{
  rings++;
  if (!foal_timer_cancel(self->second)) wrong++;
}
static void bell_on_right_hand(bell *self)
{
  rings++;
  if (!foal_timer_cancel(self->first)) wrong++;
}

static void bell_on_cancel_expired(bell *self)
{
  self->first = bell_left_hand_after(self, 2);
  self->second = bell_right_hand_after(self, 2);
  spend_us(5000);
}

Test(timer, cancel_holds_when_it_has_expired_already)
{
  start(1);
  for (int i = 0; i < 20; i++) bell_cancel_expired(bell_new(0));
  finish();
  cr_expect_eq(rings, 20, "exactly one of each pair");
  cr_expect_eq(wrong, 0);
}

/* A fired handle, a zero one, and one whose node serves another timer by now. */
static void bell_on_stale_handles(bell *self)
{
  foal_timer old = bell_other_after(self, 60000);
  if (!foal_timer_cancel(old)) wrong++;
  foal_timer young = bell_ring_after(self, 1);
  if (young.node_ != old.node_) wrong++; /* the test is about a reused node */
  if (foal_timer_cancel(old)) wrong++;
  if (foal_timer_cancel((foal_timer){0})) wrong++;
}

Test(timer, stale_handles_are_safe)
{
  start(1);
  bell_stale_handles(bell_new(0));
  finish();
  cr_expect_eq(rings, 1);
  cr_expect_eq(others, 0);
  cr_expect_eq(wrong, 0);
}

static void bell_on_arm_and_leave(bell *self)
{
  bell_ring_after(self, 0);
  bell_ring_after(self, 60000);
  bell_other_after(self, 600000);
  foal_actor_end(FOAL_ENDED);
}

Test(timer, ends_with_its_actor)
{
  start(2);
  for (uint32_t i = 0; i < 50; i++) bell_arm_and_leave(bell_new(i % 2));
  uint64_t began = now_us();
  finish();
  cr_expect_lt(now_us() - began, 30000000);
  cr_expect_eq(rings + others, 0);
}

Test(timer, stop_does_not_wait_for_it)
{
  start(2);
  bell_arm(bell_new(0), 60000);
  bell_arm(bell_new(1), 60000);
  bell_long_turn(bell_new(1));
  uint64_t began = now_us();
  foal_stop(1);
  cr_expect_eq(finish(), 1);
  cr_expect_lt(now_us() - began, 30000000);
}

static void bell_on_longest(bell *self)
{
  self->first = bell_ring_after(self, UINT64_MAX);
  self->second = bell_ring_after(self, (uint64_t)FOAL_TIMER_MS_MAX + 1);
  bell_other_after(self, 1);
  if (!foal_timer_cancel(self->first) || !foal_timer_cancel(self->second)) wrong++;
}

Test(timer, endless_delays_are_cut)
{
  start(1);
  bell_longest(bell_new(0));
  finish();
  cr_expect_eq(rings, 0);
  cr_expect_eq(others, 1);
  cr_expect_eq(wrong, 0);
}

/* ---- order of many ---- */

typedef struct tick {
  uint64_t due_us_min, due_us_max; /* another program may run between the two */
} tick;
FOAL_TAG(tick)
FOAL_ACTOR(tick)
FOAL_TIMER(tick, now)
FOAL_BEHAVIOUR1(tick, arm, uint64_t, delay_ms)

static uint64_t last_due_us; /* what has rung was due then, or later */

static void tick_on_arm(tick *self, uint64_t delay_ms)
{
  self->due_us_min = now_us() + delay_ms * 1000;
  (void)tick_now_after(self, delay_ms);
  self->due_us_max = now_us() + delay_ms * 1000;
}

static void tick_on_now(tick *self)
{
  if (now_us() < self->due_us_min) early++;
  if (self->due_us_max + 2000 < last_due_us)
    wrong++; /* two milliseconds: the grain, twice */
  if (self->due_us_min > last_due_us) last_due_us = self->due_us_min;
  rings++;
}

Test(timer, many_ring_in_order)
{
  uint64_t seed = 1;
  start(1);
  for (int i = 0; i < 3000; i++) {
    tick_tag t;
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    if (!tick_spawn(&t)) abort();
    tick_arm(t, (seed >> 40) % 400);
  }
  finish();
  cr_expect_eq(rings, 3000);
  cr_expect_eq(early, 0);
  cr_expect_eq(wrong, 0);
}

/* ---- rearming ---- */

static void bell_on_again(bell *self, uint32_t count)
{
  self->left = count;
  bell_in_order(bell_self(self), count);
}

static void bell_on_in_order(bell *self, uint32_t count)
{
  (void)count;
  bell_other_after(self, 1);
  if (--self->left > 0) bell_in_order(bell_self(self), self->left);
}

Test(timer, one_actor_may_have_many)
{
  start(1);
  bell_again(bell_new(0), 5000);
  finish();
  cr_expect_eq(others, 5000);
}

/* ---- the wheel alone ---- */

enum { ALARMS = 400 };
static const foal_behaviour nothing = {NULL, NULL, "test", "nothing", false};
static foal__alarm alarms[ALARMS];

static uint64_t soonest(void)
{
  uint64_t due = UINT64_MAX;
  for (int i = 0; i < ALARMS; i++) {
    if (alarms[i].link != NULL && alarms[i].due_ms < due) due = alarms[i].due_ms;
  }
  return due;
}

static void turn_to(foal__worker *w, uint64_t now_ms)
{
  bool was_armed[ALARMS];
  for (int i = 0; i < ALARMS; i++) was_armed[i] = alarms[i].link != NULL;
  w->now_ns = now_ms * 1000000;
  foal__wheel_turn(w, now_ms);
  for (int i = 0; i < ALARMS; i++) {
    bool due = alarms[i].due_ms <= now_ms;
    cr_assert_eq(alarms[i].link != NULL, was_armed[i] && !due, "%d at %llu", i,
                 (unsigned long long)now_ms);
  }
  uint64_t wait = foal__wheel_wait_ms(w), due = soonest();
  if (due == UINT64_MAX) {
    cr_assert_eq(wait, UINT64_MAX);
  } else {
    cr_assert_gt(wait, 0, "it would not sleep");
    cr_assert_leq(wait, due - now_ms, "it would oversleep");
  }
}

static uint64_t next_random(uint64_t *seed)
{
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 20;
}

Test(wheel, agrees_with_a_list_over_months)
{
  static foal__worker w;
  uint64_t seed = 7, now_ms = 123456789;
  size_t armed = 0;
  cr_assert(foal__pool_open(&w));
  foal__self = &w;
  w.now_ns = now_ms * 1000000;
  w.wheel.now_ms = now_ms;
  for (int step = 0; step < 3000; step++) {
    for (int k = 0; k < 10; k++) {
      foal__alarm *a = &alarms[next_random(&seed) % ALARMS];
      uint64_t kind = next_random(&seed);
      /* Delays of every level, up to more than the wheel can hold at once. */
      uint64_t delay = next_random(&seed) & ((UINT64_C(2) << kind % 32) - 1);
      if (kind % 5 == 0) {
        foal__alarm_stop(a);
      } else {
        foal__alarm_set(a, (foal_tag){0}, &nothing, delay);
      }
    }
    uint64_t leap = next_random(&seed) & ((UINT64_C(1) << next_random(&seed) % 28) - 1);
    if (step % 3 == 0 && foal__wheel_wait_ms(&w) != UINT64_MAX)
      leap = foal__wheel_wait_ms(&w);
    turn_to(&w, now_ms += leap);
  }
  for (int i = 0; i < ALARMS; i++) armed += alarms[i].link != NULL;
  cr_assert_eq(w.wheel.count, armed);
  turn_to(&w, now_ms + 2 * (uint64_t)FOAL_TIMER_MS_MAX);
  cr_assert_eq(w.wheel.count, 0);
  foal__self = NULL;
  foal__pool_close(&w);
}
