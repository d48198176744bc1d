/* late_test.c - actors with long turns let all others go first, and are not starved. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/impl/worker.h"
#include "../../runtime/timer.h"

#include <stdatomic.h>

TestSuite(late, .timeout = 60);

/* A worker without anything to poll looks every eighth turn, 64 looks are the most, and
 * then comes a round of the others. */
enum { LONGS = 100, STEPS = 3, BUSY = 20, TURNS_BETWEEN_MAX = 8 * 65 + 4 * BUSY };

/* Each letter is a turn, in their order; only with one worker. */
static char order[1 << 14];
static size_t turns;
static _Atomic(uint32_t) left;

static void note(char letter)
{
  if (turns < sizeof order) order[turns++] = letter;
}

/* An actor whose turns are long; what it does is passed on twice. */
typedef struct lengthy {
  uint32_t steps;
} lengthy;
FOAL_TAG(lengthy)
FOAL_ACTOR(lengthy)
FOAL_BEHAVIOUR0(lengthy, step)

typedef struct relay {
  bool last;
} relay;
FOAL_TAG(relay)
FOAL_ACTOR(relay)
FOAL_BEHAVIOUR1(relay, pass, lengthy_tag, back)

static relay_tag one, two;

static void lengthy_on_step(lengthy *self)
{
  note('L');
  if (left > 0) left--;
  if (++self->steps == STEPS) foal__set_late(lengthy_self(self).any, false);
  relay_pass(one, lengthy_self(self));
}

static void relay_on_pass(relay *self, lengthy_tag back)
{
  note(self->last ? 'b' : 'a');
  if (!self->last)
    relay_pass(two, back);
  else if (left > 0)
    lengthy_step(back);
}

FOAL_BEHAVIOUR0(relay, be_last)
static void relay_on_be_last(relay *self)
{
  self->last = true;
}

static void spawn_lengthy(uint32_t worker)
{
  lengthy_tag tag;
  cr_assert(lengthy_spawn_on(&tag, worker));
  if (worker == foal_worker()) foal__set_late(tag.any, true);
  lengthy_step(tag);
}

static void relays(void)
{
  cr_assert(relay_spawn(&one) && relay_spawn(&two));
  relay_be_last(two);
}

Test(late, between_two_long_turns_goes_all_that_the_first_one_caused)
{
  start(1);
  turns = 0;
  relays();
  left = LONGS * (STEPS - 1);
  for (int i = 0; i < LONGS; i++) spawn_lengthy(0);
  finish();
  /* Until the first of them has had its last step, which begins the next round. */
  for (size_t i = 0; i < (size_t)LONGS * 3; i++)
    cr_assert_eq(order[i], "Lab"[i % 3], "turn %zu: %.30s", i, order);
}

/* ---- not starved ---- */

typedef struct busy {
  uint32_t none;
} busy;
FOAL_TAG(busy)
FOAL_ACTOR(busy)
FOAL_BEHAVIOUR0(busy, again)

static void busy_on_again(busy *self)
{
  note('x');
  if (left > 0) busy_again(busy_self(self));
}

Test(late, the_others_do_not_starve_them)
{
  start_with((foal_options){.workers = 1, .batch_messages = 1});
  turns = 0;
  relays();
  left = BUSY;
  for (int i = 0; i < BUSY; i++) {
    busy_tag tag;
    cr_assert(busy_spawn(&tag));
    busy_again(tag);
    spawn_lengthy(0);
  }
  finish();
  size_t between = 0, longs = 0;
  for (size_t i = 0; i < turns && longs < BUSY; i++) {
    between = order[i] == 'L' ? 0 : between + 1;
    longs += order[i] == 'L';
    cr_assert_leq(between, (size_t)TURNS_BETWEEN_MAX, "turn %zu", i);
  }
  cr_expect_eq(longs, BUSY);
}

/* ---- given to a worker without work ---- */

typedef struct heavy {
  uint32_t turns;
} heavy;
FOAL_TAG(heavy)
FOAL_ACTOR(heavy)
FOAL_BEHAVIOUR0(heavy, work)

static void heavy_on_work(heavy *self)
{
  uint64_t until_ns = foal__clock_ns() + 200000;
  while (foal__clock_ns() < until_ns) continue;
  if (++self->turns < 20) heavy_work(heavy_self(self));
}

Test(late, a_hungry_worker_is_given_some)
{
  start(2);
  for (int i = 0; i < 64; i++) {
    heavy_tag tag;
    cr_assert(heavy_spawn(&tag));
    foal__set_late(tag.any, true);
    heavy_work(tag);
  }
  finish();
  if (!instrumented()) cr_expect_gt(counters().actors_moved, 0);
}

/* ---- how long a turn lasts ---- */

typedef struct slow {
  foal_timer alarm;
  char letter;
} slow;
FOAL_TAG(slow)
FOAL_ACTOR(slow)
FOAL_BEHAVIOUR1(slow, be, char, letter)
FOAL_BEHAVIOUR0(slow, crawl)
FOAL_TIMER(slow, tick)

static void slow_on_be(slow *self, char letter)
{
  self->letter = letter;
}

static void slow_on_tick(slow *self)
{
  self->alarm = slow_tick_after(self, 3600000);
}

static void slow_on_crawl(slow *self)
{
  note(self->letter);
  uint64_t until_ns = foal__clock_ns() + 1000000;
  while (foal__clock_ns() < until_ns) continue;
  if (left == 0) {
    (void)foal_timer_cancel(self->alarm);
    return;
  }
  left--;
  slow_crawl(slow_self(self));
}

/* While there is a timer or a socket others wait for, and the clock is looked at. */
Test(late, a_long_message_is_the_last_of_its_turn)
{
  slow_tag a, b;
  start(1);
  turns = 0;
  left = LONGS;
  cr_assert(slow_spawn(&a));
  cr_assert(slow_spawn(&b));
  slow_be(a, 'a');
  slow_be(b, 'b');
  slow_tick(a);
  slow_crawl(a);
  slow_crawl(b);
  finish();
  for (size_t i = LONGS / 2; i + 1 < LONGS; i++)
    cr_assert_neq(order[i], order[i + 1], "turn %zu: %.100s", i, order);
}
