/* balance_test.c - who runs where: the dear go to the idle, the cheap go where they
 * talk, the pinned and those with timers stay. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/timer.h"

#include <stdatomic.h>

TestSuite(balance, .timeout = 60);

static _Atomic(uint64_t) turns_at[4], astray, done;

/* ---- dear actors ---- */

typedef struct dear {
  uint32_t home;
  bool may_move;
  foal_timer timer;
} dear;
FOAL_TAG(dear)
FOAL_ACTOR(dear)
FOAL_TIMER(dear, never)
FOAL_BEHAVIOUR2(dear, begin, bool, may_move, bool, with_timer)
FOAL_BEHAVIOUR1(dear, work, uint32_t, left)

static _Atomic(bool) enough; /* somebody has seen a move */

static void dear_on_never(dear *self)
{
  (void)self;
}

static void dear_on_begin(dear *self, bool may_move, bool with_timer)
{
  self->home = foal_worker();
  self->may_move = may_move;
  if (with_timer) self->timer = dear_never_after(self, 600000);
  dear_work(dear_self(self), 4000);
}

static void dear_on_work(dear *self, uint32_t left)
{
  uint64_t until = foal__clock_ns() + 20000;
  turns_at[foal_worker()]++;
  if (foal_worker() != self->home) {
    if (!self->may_move) astray++;
    enough = true;
  }
  while (foal__clock_ns() < until) (void)0;
  if (left > 0 && !enough) {
    dear_work(dear_self(self), left - 1);
    return;
  }
  (void)foal_timer_cancel(self->timer);
  done++;
}

static dear_tag dear_new(bool pinned)
{
  dear_tag tag;
  if (!(pinned ? dear_spawn_pinned(&tag, 0) : dear_spawn(&tag))) abort();
  return tag;
}

Test(balance, dear_actors_move_to_an_idle_worker)
{
  start(2);
  for (int i = 0; i < 64; i++) dear_begin(dear_new(false), true, false);
  finish();
  cr_expect_eq(done, 64);
  cr_expect_gt(turns_at[1], 0);
  cr_expect_gt(counters().actors_moved, 0);
}

/* Some may move, and must, before this ends; the others stay while they do. */
Test(balance, pinned_actors_and_those_with_timers_stay)
{
  start(3);
  for (int i = 0; i < 20; i++) {
    dear_begin(dear_new(true), false, false);
    dear_begin(dear_new(false), false, true);
    dear_begin(dear_new(false), true, false);
  }
  finish();
  cr_expect_eq(done, 60);
  cr_expect_eq(astray, 0);
  cr_expect_gt(counters().actors_moved, 0);
}

/* ---- cheap actors ---- */

typedef struct cheap {
  uint64_t count;
} cheap;
FOAL_TAG(cheap)
FOAL_ACTOR(cheap)
FOAL_BEHAVIOUR2(cheap, ping, cheap_tag, from, uint32_t, left)

static void cheap_on_ping(cheap *self, cheap_tag from, uint32_t left)
{
  turns_at[foal_worker()]++;
  if (left > 0) {
    cheap_ping(from, cheap_self(self), left - 1);
  } else {
    done++;
  }
}

static void ping_apart(bool pinned, uint32_t count)
{
  cheap_tag a = {0}, b = {0};
  start(2);
  bool ok = pinned ? cheap_spawn_pinned(&a, 0) && cheap_spawn_pinned(&b, 1)
                   : cheap_spawn_on(&a, 0) && cheap_spawn_on(&b, 1);
  if (!ok) abort();
  cheap_ping(a, b, count);
  finish();
  cr_expect_eq(done, 1);
  cr_expect_eq(turns_at[0] + turns_at[1], count + 1);
}

Test(balance, cheap_actors_meet_on_one_worker)
{
  uint32_t rounds = 0;
  do {
    done = turns_at[0] = turns_at[1] = 0;
    ping_apart(false, 20000);
  } while (counters().actors_moved == 0 && ++rounds < 100 && !instrumented());
  /* Under a sanitizer nothing is cheap. */
  if (!instrumented()) cr_expect_gt(counters().actors_moved, 0);
}

Test(balance, pinned_pairs_stay_apart)
{
  ping_apart(true, 500);
  cr_expect_eq(counters().actors_moved, 0);
  cr_expect_eq(counters().messages_remote, 500);
}

/* ---- moved actors end like others: their slots go home ---- */

typedef struct nomad {
  char unused;
} nomad;
FOAL_TAG(nomad)
FOAL_ACTOR(nomad)
FOAL_BEHAVIOUR1(nomad, breed, uint32_t, left)

static void nomad_on_breed(nomad *self, uint32_t left)
{
  (void)self;
  if (left > 0) {
    nomad_tag child;
    if (!nomad_spawn_on(&child, (foal_worker() + 1) % foal_workers())) abort();
    nomad_breed(child, left - 1);
  } else {
    done++;
  }
  foal_actor_end(FOAL_ENDED);
}

Test(balance, slots_come_home)
{
  start(3);
  for (int i = 0; i < 30; i++) {
    nomad_tag n;
    if (!nomad_spawn(&n)) abort();
    nomad_breed(n, 300);
  }
  finish();
  cr_expect_eq(done, 30);
  cr_expect_eq(counters().actors_spawned, 30 * 301);
}
