/* drain_test.c - a graceful end: everybody who asked is told once, wherever it lives,
 * and the time for it is bounded. */
#include "aborts.h"
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/impl/worker.h"
#include "../../runtime/timer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

/* ---- a server: keeps the program alive until it is told to finish ---- */

typedef struct server {
  uint32_t finishes, home;
  bool stubborn;
} server;
FOAL_TAG(server)
FOAL_ACTOR(server)
FOAL_BEHAVIOUR0(server, finish)
FOAL_BEHAVIOUR1(server, begin, bool, stubborn)

static _Atomic(int) open_servers, finishes, twice, wanted, astray;
static sem_t all_open;

static void server_on_begin(server *self, bool stubborn)
{
  self->stubborn = stubborn;
  self->home = foal_worker();
  foal_hold();
  foal__on_drain(server_self(self).any, &server__be_finish);
  if (++open_servers == wanted) (void)sem_post(&all_open);
}

static void server_on_finish(server *self)
{
  if (++self->finishes > 1) twice++;
  if (foal_worker() != self->home) astray++;
  finishes++;
  if (self->stubborn) return;
  foal_release();
  foal_actor_end(FOAL_ENDED);
}

static server_tag server_new(uint32_t worker)
{
  server_tag tag;
  if (!server_spawn_pinned(&tag, worker)) abort();
  return tag;
}

static void prepare(void)
{
  if (sem_init(&all_open, 0, 0) != 0) abort();
}

static void *drain_from_outside(void *arg)
{
  (void)arg;
  while (sem_wait(&all_open) != 0) (void)0;
  foal_drain();
  foal_drain();
  return NULL;
}

TestSuite(drain, .init = prepare, .timeout = 60);

Test(drain, are_told_on_every_worker)
{
  for (uint32_t round = 0; round < 20; round++) {
    pthread_t thread;
    uint32_t workers = round % 4 + 1;
    prepare();
    open_servers = finishes = 0;
    wanted = 20;
    start(workers);
    for (uint32_t i = 0; i < 20; i++) server_begin(server_new(i % workers), false);
    cr_assert_eq(pthread_create(&thread, NULL, drain_from_outside, NULL), 0);
    cr_assert_eq(finish(), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(finishes, 20);
  }
  cr_expect_eq(twice, 0);
  cr_expect_eq(astray, 0);
}

/* ---- asking late ---- */

typedef struct late {
  char unused;
} late;
FOAL_TAG(late)
FOAL_ACTOR(late)
FOAL_BEHAVIOUR1(late, go, uint32_t, worker)

static void late_on_go(late *self, uint32_t worker)
{
  (void)self;
  foal_drain();
  if (!foal_draining()) astray++;
  server_begin(server_new(worker), false);
}

Test(drain, who_asks_too_late_is_told_at_once)
{
  for (uint32_t worker = 0; worker < 3; worker++) {
    late_tag l;
    start(3);
    cr_expect_not(foal_draining());
    if (!late_spawn_on(&l, 1)) abort();
    late_go(l, worker);
    cr_assert_eq(finish(), 0);
  }
  cr_expect_eq(finishes, 3);
  cr_expect_eq(twice, 0);
  cr_expect_eq(astray, 0);
}

/* Asks when its worker has told everybody already. */
FOAL_BEHAVIOUR1(late, go_on, uint32_t, worker)

static void late_on_go_on(late *self, uint32_t worker)
{
  foal_drain();
  if (foal__self->drain_seen) {
    server_begin(server_new(worker), false);
  } else {
    late_go_on(late_self(self), worker);
  }
}

Test(drain, who_asks_after_all_were_told_is_told_at_once)
{
  for (uint32_t worker = 0; worker < 3; worker++) {
    late_tag l;
    start_with((foal_options){.workers = 3, .drain_ms = 20000});
    if (!late_spawn_on(&l, worker)) abort();
    late_go_on(l, worker);
    cr_assert_eq(finish(), 0);
  }
  cr_expect_eq(finishes, 3);
  cr_expect_eq(twice, 0);
}

/* Actors ask while the drain begins: nobody is forgotten, nobody told twice. */
Test(drain, nobody_is_forgotten_in_the_race)
{
  for (uint32_t round = 0; round < 40; round++) {
    pthread_t thread;
    prepare();
    open_servers = finishes = 0;
    wanted = (int)(1 + round);
    start(3);
    for (uint32_t i = 0; i < 41; i++) server_begin(server_new(i % 3), false);
    cr_assert_eq(pthread_create(&thread, NULL, drain_from_outside, NULL), 0);
    cr_assert_eq(finish(), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(finishes, 41);
    cr_assert_eq(twice, 0);
  }
}

/* ---- the bound ---- */

Test(drain, the_stubborn_are_cut_off)
{
  pthread_t thread;
  wanted = 2;
  start_with((foal_options){.workers = 2, .drain_ms = 50});
  server_begin(server_new(0), true);
  server_begin(server_new(1), true);
  cr_assert_eq(pthread_create(&thread, NULL, drain_from_outside, NULL), 0);
  uint64_t began = foal__clock_ns();
  cr_assert_eq(finish(), 0);
  cr_expect_geq(foal__clock_ns() - began, 50000000);
  pthread_join(thread, NULL);
  cr_expect_eq(finishes, 2);
}

Test(drain, a_quiet_program_does_not_wait)
{
  late_tag l;
  start_with((foal_options){.workers = 2, .drain_ms = 600000});
  if (!late_spawn(&l)) abort();
  late_go(l, 1);
  cr_expect_eq(finish(), 0);
}

/* ---- signals ---- */

typedef struct killer {
  bool again;
} killer;
FOAL_TAG(killer)
FOAL_ACTOR(killer)
FOAL_TIMER(killer, kill)
FOAL_BEHAVIOUR1(killer, begin, bool, again)

static void killer_on_begin(killer *self, bool again)
{
  self->again = again;
  (void)killer_kill_after(self, 1);
}

/* A signal that arrives while the one before it is not handled yet is one signal:
 * repeat. */
static void killer_on_kill(killer *self)
{
  (void)kill(getpid(), foal_draining() ? SIGINT : SIGTERM);
  if (self->again || !foal_draining()) (void)killer_kill_after(self, 5);
}

static void start_with_signals(void)
{
  foal_options o = {.workers = 2, .drain_ms = 600000};
  cr_assert_eq(foal_start(&o), FOAL_OK);
}

Test(drain, sigterm_begins_it)
{
  start_with_signals();
  server_begin(server_new(0), false);
  server_begin(server_new(1), false);
  (void)kill(getpid(), SIGTERM);
  cr_assert_eq(finish(), 0);
  cr_expect_eq(finishes, 2);
}

Test(drain, a_second_signal_stops_at_once)
{
  killer_tag k;
  start_with_signals();
  if (!killer_spawn_on(&k, 1)) abort();
  server_begin(server_new(0), true);
  server_begin(server_new(1), true);
  killer_begin(k, true);
  cr_assert_eq(finish(), 0);
}

/* The table of kinds is small, because only the library adds to it. */
static void too_many_kinds(void)
{
  static foal_behaviour kinds[64];
  server_tag tag;
  start(1);
  tag = server_new(0);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    foal__on_drain(tag.any, &kinds[i]);
}

Test(drain, only_few_kinds_of_actors_can_ask)
{
  CHECK_ABORTS(too_many_kinds, "drain.c:", "few kinds of actors drain");
}
