/* rt_timers.c - scenario `timers`: never early, hardly late, not after a cancel, not
 * after the end.
 *
 * Actors with three timers each arm and cancel them at random, from milliseconds to
 * weeks; some pass messages meanwhile, so that cancels race with expiries that are on
 * their way; some end with timers armed. At the end no timer is left. How late one may
 * be is checked where nothing else delays it: no slow turns, no late wake-ups. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/timer.h"
#include "../../sim/impl/engine.h"

#include <string.h>

enum {
  ACTORS_MAX = 6,
  ARMS_MAX = 120,
  TIMERS = 3,
  LATE_MS = 5,
  HOURS_MS = 5 * 3600 * 1000,
};

typedef struct timed {
  struct {
    foal_timer timer;
    uint64_t due_ns;
    bool armed;
  } t[TIMERS];
  bool ending;
} timed;
FOAL_TAG(timed)
FOAL_ACTOR_WITH_END(timed)
FOAL_BEHAVIOUR0(timed, act)
FOAL_TIMER(timed, first)
FOAL_TIMER(timed, second)
FOAL_TIMER(timed, third)

static struct {
  timed_tag all[ACTORS_MAX];
  uint32_t count, arms_left, armed, fired, cancelled, too_late, ended_armed;
  bool punctual;
} timers;

static uint64_t any_delay_ms(void)
{
  switch (foal_sim_draw(8)) {
  case 0:
    return 0;
  case 1:
    return foal_sim_draw(70000);
  case 2:
    return foal_sim_draw(HOURS_MS);
  case 3:
    return foal_sim_draw(16) == 0 ? UINT64_MAX : 63 + foal_sim_draw(3);
  case 4:
    return 4095 + foal_sim_draw(3);
  default:
    return foal_sim_draw(20);
  }
}

static void arm(timed *self, uint32_t which) FOAL_TURN;
static void arm(timed *self, uint32_t which)
{
  uint64_t delay_ms = any_delay_ms();
  if (timers.arms_left == 0 || self->t[which].armed) return;
  timers.arms_left--;
  timers.armed++;
  self->t[which].armed = true;
  uint64_t held_ms = delay_ms < FOAL_TIMER_MS_MAX ? delay_ms : FOAL_TIMER_MS_MAX;
  self->t[which].due_ns = foal__sim_now_ns() + held_ms * 1000000;
  if (which == 0) {
    self->t[0].timer = timed_first_after(self, delay_ms);
  } else if (which == 1) {
    self->t[1].timer = timed_second_after(self, delay_ms);
  } else {
    self->t[2].timer = timed_third_after(self, delay_ms);
  }
}

static void cancel(timed *self, uint32_t which) FOAL_TURN;
static void cancel(timed *self, uint32_t which)
{
  bool was = foal_timer_cancel(self->t[which].timer);
  FOAL_SIM_CHECK(was == self->t[which].armed);
  if (!was) return;
  if (foal__sim_now_ns() > self->t[which].due_ns + 1000000)
    foal_sim_mark("timers_cancelled_late");
  self->t[which].armed = false;
  timers.cancelled++;
}

static void do_something(timed *self) FOAL_TURN;
static void do_something(timed *self)
{
  for (uint32_t n = 1 + foal_sim_draw(3); n > 0; n--) {
    uint32_t which = foal_sim_draw(TIMERS);
    if (foal_sim_draw(3) > 0) {
      arm(self, which);
    } else {
      cancel(self, which);
    }
  }
  if (foal_sim_draw(4) == 0 && timers.arms_left > 0)
    timed_act(timers.all[foal_sim_draw(timers.count)]);
  if (foal_sim_draw(40) == 0) {
    self->ending = true;
    foal_actor_end(FOAL_ENDED);
  }
}

static void fire(timed *self, uint32_t which) FOAL_TURN;
static void fire(timed *self, uint32_t which)
{
  uint64_t now = foal__sim_now_ns(), due = self->t[which].due_ns;
  FOAL_SIM_CHECK(!self->ending && self->t[which].armed);
  if (now < due) {
    foal_sim_fail("a timer is %llu us early", (unsigned long long)(due - now) / 1000);
  }
  if (timers.punctual && now - due > LATE_MS * UINT64_C(1000000)) {
    foal_sim_fail("a timer is %llu ms late", (unsigned long long)(now - due) / 1000000);
  }
  self->t[which].armed = false;
  timers.fired++;
  do_something(self);
}

static void timed_on_first(timed *self)
{
  fire(self, 0);
}

static void timed_on_second(timed *self)
{
  fire(self, 1);
}

static void timed_on_third(timed *self)
{
  fire(self, 2);
}

static void timed_on_act(timed *self)
{
  FOAL_SIM_CHECK(!self->ending);
  do_something(self);
}

static void timed_on_end(timed *self)
{
  for (int i = 0; i < TIMERS; i++) timers.ended_armed += self->t[i].armed;
}

static bool timers_start(void)
{
  memset(&timers, 0, sizeof timers);
  timers.count = foal_sim_size(ACTORS_MAX);
  timers.arms_left = foal_sim_size(ARMS_MAX);
  timers.punctual =
      !foal__sim_on(FOAL__SIM_W_skew) && !foal__sim_on(FOAL__SIM_W_slow_turns);
  for (uint32_t i = 0; i < timers.count; i++) {
    uint32_t worker = foal_sim_draw(foal_workers());
    if (!timed_spawn_on(&timers.all[i], worker)) return false;
  }
  for (uint32_t i = 0; i < timers.count; i++) timed_act(timers.all[i]);
  return true;
}

static void timers_check(void)
{
  FOAL_SIM_CHECK(timers.armed == timers.fired + timers.cancelled + timers.ended_armed);
  if (timers.fired > 5) foal_sim_mark("timers_fired");
  if (timers.cancelled > 0) foal_sim_mark("timers_cancelled");
  if (timers.ended_armed > 0) foal_sim_mark("timers_ended");
}

static const char *const timers_marks[] = {"timers_fired", "timers_cancelled",
                                           "timers_ended", "timers_cancelled_late", NULL};
const foal_scenario rt_timers = {
    .name = "timers",
    .about = "timers armed, cancelled, expired, and of actors that end",
    .start = timers_start,
    .check = timers_check,
    .marks = timers_marks,
};

/* ---- one alone, with long turns ---- */

enum { NAPS_MAX = 40, NAP_MS_MAX = 200, BUSY_MS_MAX = 100 };

typedef struct napper {
  uint32_t left;
  uint64_t due_ns, awake_ns;
} napper;
FOAL_TAG(napper)
FOAL_ACTOR(napper)
FOAL_BEHAVIOUR1(napper, begin, uint32_t, naps)
FOAL_TIMER(napper, rise)

static void be_busy(void)
{
  if (foal_sim_draw(2) == 0) return;
  foal__sim_pass((uint64_t)foal_sim_draw(BUSY_MS_MAX * 1000) * 1000);
}

/* Time passes in the turn, before the timer is armed and after it. */
static void nap(napper *self) FOAL_TURN;
static void nap(napper *self)
{
  uint64_t delay_ms = foal_sim_draw(NAP_MS_MAX);
  if (self->left == 0) return;
  self->left--;
  be_busy();
  self->due_ns = foal__sim_now_ns() + delay_ms * 1000000;
  (void)napper_rise_after(self, delay_ms);
  be_busy();
  self->awake_ns = foal__sim_now_ns();
}

static void napper_on_begin(napper *self, uint32_t naps)
{
  self->left = naps;
  nap(self);
}

static void napper_on_rise(napper *self)
{
  uint64_t now = foal__sim_now_ns(), due = self->due_ns;
  if (now < due) {
    foal_sim_fail("a timer is %llu us early", (unsigned long long)(due - now) / 1000);
  }
  if (self->awake_ns > due) due = self->awake_ns;
  if (timers.punctual && now - due > LATE_MS * UINT64_C(1000000)) {
    foal_sim_fail("a timer is %llu ms late", (unsigned long long)(now - due) / 1000000);
  }
  nap(self);
}

static bool naps_start(void)
{
  napper_tag one;
  timers.punctual =
      !foal__sim_on(FOAL__SIM_W_skew) && !foal__sim_on(FOAL__SIM_W_slow_turns);
  if (!napper_spawn_on(&one, foal_sim_draw(foal_workers()))) return false;
  napper_begin(one, foal_sim_size(NAPS_MAX));
  return true;
}

const foal_scenario rt_naps = {
    .name = "naps",
    .about = "one timer after the other, armed in long turns",
    .start = naps_start,
};
