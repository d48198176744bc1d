/* sched_test.c - start, run, stop, quiescence, holds, restart. */
#include "aborts.h"
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/timer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

TestSuite(sched, .timeout = 60);

/* ---- tokens that wander until they are used up: an exact end is an exact sum ---- */

enum { WANDERERS = 32 };

typedef struct wanderer {
  uint64_t seed;
} wanderer;
FOAL_TAG(wanderer)
FOAL_ACTOR_WITH_END(wanderer)
FOAL_BEHAVIOUR1(wanderer, pass, uint32_t, left)

static wanderer_tag all[WANDERERS];
static _Atomic(uint64_t) passed;

static void wanderer_on_pass(wanderer *self, uint32_t left)
{
  passed++;
  if (left == 0) return;
  self->seed = self->seed * UINT64_C(6364136223846793005) + left;
  wanderer_pass(all[(self->seed >> 33) % WANDERERS], left - 1);
}

static void wanderer_on_end(wanderer *self)
{
  (void)self;
}

static void wanderers(foal_options options, bool pinned)
{
  start_with(options);
  for (uint32_t i = 0; i < WANDERERS; i++) {
    uint32_t on = i % foal_workers();
    bool ok =
        pinned ? wanderer_spawn_pinned(&all[i], on) : wanderer_spawn_on(&all[i], on);
    if (!ok) abort();
  }
}

Test(sched, ends_exactly_when_nothing_is_left)
{
  for (uint32_t round = 0; round < 60; round++) {
    uint32_t tokens = round % 5 + 1, hops = round * 7 % 50;
    passed = 0;
    wanderers((foal_options){.workers = round % 4 + 1}, round % 2 == 0);
    for (uint32_t i = 0; i < tokens; i++) wanderer_pass(all[i], hops);
    cr_assert_eq(finish(), 0);
    cr_assert_eq(passed, (uint64_t)tokens * (hops + 1), "round %u", round);
  }
}

Test(sched, spinning_ends_exactly_too)
{
  for (uint32_t round = 0; round < 10; round++) {
    passed = 0;
    wanderers((foal_options){.workers = 3, .spin_us = 100}, true);
    for (uint32_t i = 0; i < 3; i++) wanderer_pass(all[i], 300);
    finish();
    cr_assert_eq(passed, 3 * 301);
  }
}

Test(sched, a_program_without_actors_ends)
{
  start(4);
  cr_expect_eq(finish(), 0);
  start(1);
  cr_expect_eq(finish(), 0);
}

Test(sched, knows_its_workers)
{
  cr_expect_eq(foal_worker(), UINT32_MAX);
  start(3);
  cr_expect_eq(foal_workers(), 3);
  cr_expect_eq(foal_worker(), 0);
  finish();
  cr_expect_eq(foal_worker(), UINT32_MAX);
  cr_assert_eq(foal_start(&(foal_options){.keep_signals = true}), FOAL_OK);
  cr_expect_geq(foal_workers(), 1, "one per core by default");
  finish();
}

Test(sched, starts_once_at_a_time_and_again_afterwards)
{
  for (uint32_t i = 1; i <= 20; i++) {
    start(i % 5 + 1);
    cr_expect_eq(foal_start(NULL), FOAL_BAD_STATE);
    finish();
  }
}

Test(sched, pinned_workers_leave_the_main_thread_as_it_was)
{
  cpu_set_t before, after;
  cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
  start_with((foal_options){.workers = 2, .pin_workers = true});
  finish();
  cr_assert_eq(sched_getaffinity(0, sizeof after, &after), 0);
  cr_expect(CPU_EQUAL(&before, &after));
}

/* ---- stopping ---- */

typedef struct runner {
  uint64_t count;
  bool stopped;
} runner;
FOAL_TAG(runner)
FOAL_ACTOR_WITH_END(runner)
FOAL_BEHAVIOUR0(runner, run)
FOAL_BEHAVIOUR1(runner, stop_after, uint64_t, count)

static _Atomic(int) ended, after_stop, on_wrong_worker;
static sem_t running;

static void runner_on_run(runner *self)
{
  self->count++;
  if (self->count == 1) (void)sem_post(&running);
  runner_run(runner_self(self));
}

static void runner_on_stop_after(runner *self, uint64_t count)
{
  if (self->stopped) after_stop++;
  if (count == 0) {
    foal_stop(5);
    self->stopped = true;
    return;
  }
  runner_stop_after(runner_self(self), count - 1);
}

static void runner_on_end(runner *self)
{
  (void)self;
  ended++;
}

static runner_tag runner_new(uint32_t worker)
{
  runner_tag tag;
  if (!runner_spawn_on(&tag, worker)) abort();
  return tag;
}

Test(sched, stop_from_a_turn_ends_busy_workers)
{
  cr_assert_eq(sem_init(&running, 0, 0), 0);
  start(3);
  for (uint32_t i = 0; i < 12; i++) runner_run(runner_new(i % 3));
  runner_stop_after(runner_new(1), 50);
  cr_expect_eq(finish(), 5);
  cr_expect_eq(ended, 13);
}

static void *stop_from_outside(void *arg)
{
  (void)arg;
  while (sem_wait(&running) != 0) (void)0;
  foal_stop(6);
  return NULL;
}

Test(sched, stop_from_another_thread_at_any_moment)
{
  for (uint32_t round = 0; round < 40; round++) {
    pthread_t thread;
    cr_assert_eq(sem_init(&running, 0, 0), 0);
    start(round % 3 + 1);
    foal_hold();
    for (uint32_t i = 0; i < 3; i++) runner_run(runner_new(i % foal_workers()));
    cr_assert_eq(pthread_create(&thread, NULL, stop_from_outside, NULL), 0);
    cr_assert_eq(finish(), 6);
    pthread_join(thread, NULL);
  }
}

Test(sched, calls_after_the_end_do_nothing)
{
  foal_stop(1);
  foal_drain();
  start(1);
  runner_tag r = runner_new(0);
  finish();
  foal_stop(2);
  foal_drain();
  foal_release();
  cr_expect_eq(ended, 1);
  (void)r;
  start(1);
  cr_expect_not(foal_draining());
  cr_expect_eq(finish(), 0);
}

/* Pinned actors end on the worker they lived on, wherever they were made. */
typedef struct settler {
  uint32_t home;
} settler;
FOAL_TAG(settler)
FOAL_ACTOR_WITH_END(settler)
FOAL_BEHAVIOUR1(settler, live_on, uint32_t, worker)
FOAL_BEHAVIOUR0(settler, stop)

static _Atomic(int) settled;

static void settler_on_live_on(settler *self, uint32_t worker)
{
  self->home = worker;
  if (foal_worker() != worker) on_wrong_worker++;
  settled++;
}

static void settler_on_stop(settler *self)
{
  if (foal_worker() != self->home) on_wrong_worker++;
  if (settled == 40) {
    foal_stop(0);
  } else {
    settler_stop(settler_self(self));
  }
}

static void settler_on_end(settler *self)
{
  if (foal_worker() != self->home) on_wrong_worker++;
  ended++;
}

Test(sched, pinned_actors_end_on_their_worker)
{
  settler_tag s = {0};
  start(4);
  for (uint32_t i = 0; i < 40; i++) {
    if (!settler_spawn_pinned(&s, i % 4)) abort();
    settler_live_on(s, i % 4);
  }
  settler_stop(s);
  finish();
  cr_expect_eq(ended, 40);
  cr_expect_eq(on_wrong_worker, 0);
}

/* ---- a system that refuses threads ---- */

static void start_with_few_threads(void)
{
  enum { STACKS = 2 };
  unsigned long pages = 0;
  pthread_attr_t attributes;
  size_t stack_bytes = 0;
  settler_tag s = {0};
  start(8);
  for (uint32_t i = 0; i < 8; i++) {
    if (!settler_spawn_pinned(&s, i)) abort();
    settler_live_on(s, i);
  }
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm == NULL || fscanf(statm, "%lu", &pages) != 1) abort();
  (void)fclose(statm);
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_getstacksize(&attributes, &stack_bytes);
  rlim_t bytes = pages * (rlim_t)sysconf(_SC_PAGESIZE) + STACKS * stack_bytes + 4000000;
  if (setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes}) != 0) abort();
  if (foal_run() != 1) abort();
  check_nothing_left();
  if (ended != 8) abort();
}

/* A sanitizer needs more address space than it would get. */
static void refuse_threads(void)
{
  if (!instrumented()) start_with_few_threads();
}

Test(sched, ends_when_the_system_refuses_threads)
{
  char text[ABORTS_TEXT_BYTES];
  int status = run_apart(refuse_threads, text);
  cr_assert_eq(status, 0, "%s", text);
  bool said = strstr(text, "the system allows no more threads") != NULL;
  cr_expect(said || instrumented(), "%s", text);
}

/* ---- holds ---- */

typedef struct outside {
  runner_tag to;
  wanderer_tag pass_to;
  uint32_t count;
} outside;

static void *send_then_release(void *arg)
{
  const outside *o = arg;
  for (uint32_t i = 0; i < o->count; i++) {
    wanderer_pass(o->pass_to, 3);
    sched_yield(); /* so that the workers fall asleep now and then */
  }
  foal_release();
  return NULL;
}

Test(sched, a_hold_keeps_it_alive_until_released_from_outside)
{
  for (uint32_t round = 0; round < 60; round++) {
    pthread_t threads[3];
    outside args[3];
    passed = 0;
    wanderers((foal_options){.workers = round % 3 + 1}, true);
    for (uint32_t i = 0; i < 3; i++) {
      args[i] = (outside){.pass_to = all[i], .count = round};
      foal_hold();
      cr_assert_eq(pthread_create(&threads[i], NULL, send_then_release, &args[i]), 0);
    }
    finish();
    cr_assert_eq(passed, 3 * 4 * round);
    for (uint32_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  }
}

typedef struct holder {
  uint32_t left;
} holder;
FOAL_TAG(holder)
FOAL_ACTOR(holder)
FOAL_TIMER(holder, release)
FOAL_BEHAVIOUR0(holder, hold)

static void holder_on_hold(holder *self)
{
  foal_hold();
  foal_hold();
  foal_release();
  (void)holder_release_after(self, 5);
}

static void holder_on_release(holder *self)
{
  (void)self;
  foal_release();
  ended++;
}

Test(sched, a_hold_may_be_released_in_a_turn)
{
  holder_tag h;
  start(2);
  if (!holder_spawn_on(&h, 1)) abort();
  holder_hold(h);
  finish();
  cr_expect_eq(ended, 1);
}

/* A thread may also drop, stop and send when all is over. */
static void *come_late(void *arg)
{
  const outside *o = arg;
  while (sem_wait(&running) != 0) (void)0;
  for (int i = 0; i < 2000; i++) {
    foal_counters c;
    runner_run(o->to);
    foal_counters_read(&c);
    if (i == 1000) foal_stop(7);
  }
  foal_release();
  return NULL;
}

Test(sched, threads_may_come_too_late)
{
  for (uint32_t round = 0; round < 20; round++) {
    pthread_t thread;
    outside args;
    cr_assert_eq(sem_init(&running, 0, 0), 0);
    start(2);
    args = (outside){.to = runner_new(round % 2)};
    runner_run(args.to);
    foal_hold();
    cr_assert_eq(pthread_create(&thread, NULL, come_late, &args), 0);
    cr_assert_eq(foal_run(), 7);
    pthread_join(thread, NULL);
    check_nothing_left();
  }
}
