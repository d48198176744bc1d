/* rt_wake.c - `baton_wake`: two reasons to wake one worker, at the same moment.
 *
 * A sleeper's worker comes back from its loop because blocking work is done, or because
 * an alarm is due that keeps nothing alive. Just then batons are on their way to the same
 * worker, and are the last messages there are: whoever wakes, is woken or goes to sleep
 * must be counted at any moment, or the program ends in the middle. So the batons go
 * round until the work is nearly done or the alarm is due, and then a few times more.
 * `baton_holds`: threads that take holds and give them up; the last one to let go must
 * make a sleeping worker see that it is over. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/worker.h"
#include "../../runtime/work.h"
#include "../../sim/impl/engine.h"

#include <string.h>

enum {
  WORKERS = 3,
  BATONS_MAX = 2,
  MORE_MAX = 4,
  JOBS_MAX = 2,
  ALARMS_MAX = 30,
  KNOCKS_MAX = 4,
  JOB_NS = 200000,
  ALARM_NS = 1500000,
  LOOKS_MAX = 40,
  NEAR_NS = 3000,
  THREADS_MAX = 3
};

typedef struct wake_sleeper {
  foal__alarm alarm;
  uint32_t rounds;
} wake_sleeper;
FOAL_TAG(wake_sleeper)
FOAL_ACTOR(wake_sleeper)
FOAL_BEHAVIOUR1(wake_sleeper, begin, uint32_t, rounds)
FOAL_BEHAVIOUR0(wake_sleeper, rung)
FOAL_WORK(wake_sleeper, job)

typedef struct wake_runner {
  char unused;
} wake_runner;
FOAL_TAG(wake_runner)
FOAL_ACTOR(wake_runner)
FOAL_BEHAVIOUR1(wake_runner, baton, uint32_t, hops)
FOAL_BEHAVIOUR0(wake_runner, echo)

static struct {
  wake_runner_tag runners[WORKERS];
  uint32_t batons, home, echoes, echoes_done, jobs, jobs_done;
  bool with_job, soon;
  uint64_t due_ns;
} wakes;

static void send_echo(void)
{
  wakes.echoes++;
  wake_runner_echo(wakes.runners[foal_sim_draw(foal_workers())]);
}

/* A few looks at a shared word: moments at which others may come first. */
static void dawdle(void)
{
  for (uint32_t n = foal_sim_draw(LOOKS_MAX); n > 0; n--) (void)foal_draining();
}

static void wake_runner_on_baton(wake_runner *self, uint32_t hops)
{
  (void)self;
  uint32_t left = wakes.soon ? hops - 1 : hops;
  if (!wakes.soon) foal__sim_pass(foal_sim_draw(wakes.with_job ? JOB_NS : ALARM_NS));
  if (!wakes.with_job) dawdle();
  if (left == 0) {
    wakes.home++;
    return;
  }
  wake_runner_baton(wakes.runners[foal_sim_draw(foal_workers())], left);
  if (wakes.soon && foal_sim_draw(2) == 0) send_echo();
}

static void wake_runner_on_echo(wake_runner *self)
{
  (void)self;
  wakes.echoes_done++;
}

static void begin_round(wake_sleeper *self) FOAL_TURN;
static void begin_round(wake_sleeper *self)
{
  foal_buf *b;
  wakes.soon = self->rounds == 0;
  if (self->rounds == 0) return;
  self->rounds--;
  if (!wakes.with_job) {
    foal__alarm_set(&self->alarm, wake_sleeper_self(self).any, &wake_sleeper__be_rung, 0);
    wakes.due_ns = self->alarm.due_ms * UINT64_C(1000000);
  } else if (foal_buf_new(&b, 1)) {
    wakes.jobs++;
    wake_sleeper_job_start(self, &b);
  }
}

static void wake_sleeper_on_begin(wake_sleeper *self, uint32_t rounds)
{
  self->rounds = rounds;
  begin_round(self);
}

static void wake_sleeper_on_rung(wake_sleeper *self)
{
  /* What an alarm leads to may be cut off by the end: it keeps nothing alive. */
  begin_round(self);
}

static void wake_sleeper_work_job(foal_buf **b)
{
  FOAL_SIM_CHECK(foal_buf_len(*b) == 0);
  wakes.soon = true;
}

static void wake_sleeper_on_job(wake_sleeper *self, foal_buf **b)
{
  foal_buf_drop(b);
  wakes.jobs_done++;
  send_echo();
  begin_round(self);
}

/* Its first hold was taken for it; the others it takes and gives up before or after. */
static void knock(void *arg)
{
  uint32_t times = foal_sim_draw(KNOCKS_MAX), first = foal_sim_draw(times + 1);
  (void)arg;
  for (uint32_t n = 0; n <= times; n++) {
    if (n == first) {
      foal_release();
      continue;
    }
    foal_hold();
    if (foal_sim_draw(2) == 0) foal_sim_pause();
    foal_release();
  }
}

static void begin_knocking(void)
{
  foal_hold();
  foal_sim_thread(knock, NULL);
}

static bool wake_start(void)
{
  wake_sleeper_tag sleeper;
  memset(&wakes, 0, sizeof wakes);
  for (uint32_t i = 0; i < foal_workers(); i++)
    FOAL_SIM_CHECK(wake_runner_spawn_pinned(&wakes.runners[i], i));
  FOAL_SIM_CHECK(wake_sleeper_spawn_pinned(&sleeper, foal_sim_draw(foal_workers())));
  wakes.with_job = foal_sim_draw(2) == 0;
  wake_sleeper_begin(sleeper, 1 + foal_sim_draw(wakes.with_job ? JOBS_MAX : ALARMS_MAX));
  wakes.batons = 1 + foal_sim_draw(BATONS_MAX);
  wakes.due_ns = UINT64_MAX;
  for (uint32_t i = 0; i < wakes.batons; i++) {
    wake_runner_tag to = wakes.runners[foal_sim_draw(foal_workers())];
    wake_runner_baton(to, 1 + foal_sim_draw(MORE_MAX));
  }
  if (foal_sim_draw(3) == 0) begin_knocking();
  return true;
}

static void wake_check(void)
{
  FOAL_SIM_CHECK(wakes.home == wakes.batons);
  FOAL_SIM_CHECK(wakes.echoes_done == wakes.echoes);
  FOAL_SIM_CHECK(wakes.jobs_done == wakes.jobs);
}

const foal_scenario baton_wake = {
    .name = "baton_wake",
    .about = "work or an alarm wakes a worker just when messages do",
    .start = wake_start,
    .check = wake_check,
    .options = {.workers = WORKERS},
    .flags = FOAL_SIM_FINE,
};

const foal_scenario baton_wake_pair = {
    .name = "baton_wake_pair",
    .about = "the same with two workers",
    .start = wake_start,
    .check = wake_check,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};

/* ---- the end and an alarm ---- */

/* Lets go when the only alarm is due: its worker wakes by itself, and is to be woken. */
static void let_go_late(void *arg)
{
  (void)arg;
  while (wakes.due_ns == UINT64_MAX) foal_sim_pause();
  uint64_t now = foal__sim_now_ns(), at = wakes.due_ns - foal_sim_draw(NEAR_NS);
  if (at > now) foal__sim_pass(at - now);
  for (uint32_t n = foal_sim_draw(MORE_MAX * 4); n > 0; n--) (void)foal_draining();
  foal_release();
}

static bool late_start(void)
{
  wake_sleeper_tag sleeper;
  memset(&wakes, 0, sizeof wakes);
  wakes.due_ns = UINT64_MAX;
  FOAL_SIM_CHECK(wake_sleeper_spawn_pinned(&sleeper, 0));
  wake_sleeper_begin(sleeper, 1);
  foal_hold();
  foal_sim_thread(let_go_late, NULL);
  return true;
}

const foal_scenario baton_late = {
    .name = "baton_late",
    .about = "the last hold is given up just when an alarm is due",
    .start = late_start,
    .options = {.workers = 1},
    .flags = FOAL_SIM_FINE,
};

/* ---- nothing but holds ---- */

static bool holds_start(void)
{
  for (uint32_t n = 1 + foal_sim_draw(THREADS_MAX); n > 0; n--) begin_knocking();
  return true;
}

const foal_scenario baton_holds = {
    .name = "baton_holds",
    .about = "threads that take holds and give them up, and nothing else",
    .start = holds_start,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};
