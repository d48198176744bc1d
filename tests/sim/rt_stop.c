/* rt_stop.c - scenario `stops`: actors that never fall silent, with timers, buffers and
 * work, until somebody drains or stops: an actor, a thread, or a signal, at any moment.
 *
 * Those that asked are told of the drain once, also those made after it began, and fall
 * silent; then the end comes by itself, long before the time for it is over, or is cut
 * off just then, when somebody does not finish. A stop, or a second signal, ends
 * everything where it is. In any case nothing may be left. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/timer.h"
#include "../../runtime/work.h"
#include "../../sim/impl/engine.h"
#include "../../sim/impl/run.h"

#include <signal.h>
#include <string.h>

enum {
  CHATTERS_MAX = 6,
  TURNS_MAX = 300,
  LONG_TURNS = 4000,
  BYTES = 100,
  DRAIN_MS = 3600000,
  NEVER_MS = 2 * DRAIN_MS,
  DRAIN_TURNS_MAX = 100000,
  LATE_MS = 2000,
  ACTOR_STATUS = 3,
  THREAD_STATUS = 4,
};

typedef struct chatter {
  uint32_t me;
  bool drained, begun, other; /* other: asked to be told in the other way */
  foal_timer timer;
} chatter;
FOAL_TAG(chatter)
FOAL_ACTOR_WITH_END(chatter)
FOAL_BEHAVIOUR1(chatter, begin, uint32_t, me)
FOAL_BEHAVIOUR0(chatter, talk)
FOAL_BEHAVIOUR0(chatter, drain)
FOAL_BEHAVIOUR0(chatter, drain_too)
FOAL_BEHAVIOUR_ISO(chatter, parcel)
FOAL_TIMER(chatter, tick)
FOAL_TIMER(chatter, never)
FOAL_WORK(chatter, job)

static struct {
  chatter_tag chatters[CHATTERS_MAX];
  uint32_t count, turns, end_at, begun, drains;
  bool with_stop, drained, stopped;
  bool steady;   /* all talk to themselves only, without a pause */
  bool stubborn; /* one of them never finishes: it is cut off */
  uint32_t signals;
  uint32_t drained_turns; /* turns that there had been when it began */
  uint64_t drained_ms;
  bool poor; /* memory is short: some of it may be lost */
} stops;

static chatter_tag any_chatter(void)
{
  return stops.chatters[foal_sim_draw(stops.count)];
}

static bool chatter_made(uint32_t i)
{
  uint32_t worker = foal_sim_draw(foal_workers());
  if (!chatter_spawn_pinned(&stops.chatters[i], worker)) return false;
  chatter_begin(stops.chatters[i], i);
  return true;
}

static void chatter_on_begin(chatter *self, uint32_t me)
{
  self->me = me;
  self->begun = true;
  stops.begun++;
  self->other = foal_sim_draw(3) == 0;
  foal__on_drain(chatter_self(self).any,
                 self->other ? &chatter__be_drain_too : &chatter__be_drain);
  if (stops.stubborn && me == 0) (void)chatter_never_after(self, NEVER_MS);
  self->timer = chatter_tick_after(self, foal_sim_draw(5));
  chatter_talk(chatter_self(self));
}

static void begin_drain(void)
{
  if (!stops.drained) {
    stops.drained_ms = foal_sim_now_ms();
    stops.drained_turns = stops.turns;
  }
  stops.drained = true;
  foal_drain();
}

static void maybe_end(void)
{
  uint32_t turns = stops.turns - stops.drained_turns;
  if (stops.drained && stops.steady && turns > DRAIN_TURNS_MAX)
    foal_sim_fail("%u turns, and not all know of the drain", turns);
  if (stops.turns++ != stops.end_at) return;
  foal_sim_note(stops.with_stop ? "an actor stops" : "an actor drains");
  if (stops.with_stop) {
    stops.stopped = true;
    foal_stop(ACTOR_STATUS);
  } else {
    begin_drain();
  }
}

static void send_parcel(void)
{
  foal_buf *b;
  if (foal_buf_new(&b, BYTES)) chatter_parcel(any_chatter(), &b);
}

static void begin_job(chatter *self) FOAL_TURN;
static void begin_job(chatter *self)
{
  foal_buf *b;
  if (foal_buf_new(&b, BYTES)) chatter_job_start(self, &b);
}

/* Another one in its place; both are told when a drain begins, or has begun. */
static void replace(chatter *self) FOAL_TURN;
static void replace(chatter *self)
{
  if (!chatter_made(self->me)) return;
  self->drained = true;
  foal_actor_end(FOAL_ENDED);
  if (foal_draining()) foal_sim_mark("stops_made_late");
}

static void chatter_on_talk(chatter *self)
{
  maybe_end();
  if (self->drained) return;
  switch (stops.steady ? 8 : foal_sim_draw(8)) {
  case 0:
    send_parcel();
    break;
  case 1:
    begin_job(self);
    break;
  case 2:
    if (foal_sim_draw(4) != 0) break;
    replace(self);
    return;
  case 3:
  case 4:
    chatter_talk(any_chatter());
    return;
  default:
    break;
  }
  chatter_talk(chatter_self(self));
}

static void chatter_on_parcel(chatter *self, foal_buf **b)
{
  if (self->drained || foal_sim_draw(3) == 0) {
    foal_buf_drop(b);
  } else {
    chatter_parcel(any_chatter(), b);
  }
}

static void chatter_on_tick(chatter *self)
{
  maybe_end();
  if (!self->drained) self->timer = chatter_tick_after(self, foal_sim_draw(50));
}

static void chatter_work_job(foal_buf **b)
{
  FOAL_SIM_CHECK(foal_worker() == UINT32_MAX || stops.poor);
  FOAL_SIM_CHECK(foal_buf_len(*b) == 0);
}

static void chatter_on_job(chatter *self, foal_buf **b)
{
  (void)self;
  foal_buf_drop(b);
}

static void told(chatter *self) FOAL_TURN;
static void told(chatter *self)
{
  FOAL_SIM_CHECK(foal_draining() && !self->drained && self->begun);
  self->drained = true;
  stops.drains++;
  (void)foal_timer_cancel(self->timer);
}

static void chatter_on_drain(chatter *self)
{
  FOAL_SIM_CHECK(!self->other);
  told(self);
}

static void chatter_on_drain_too(chatter *self)
{
  FOAL_SIM_CHECK(self->other);
  told(self);
}

static void chatter_on_never(chatter *self)
{
  (void)self;
  foal_sim_fail("a drain that should be over by now goes on");
}

static void chatter_on_end(chatter *self)
{
  (void)self;
}

/* A thread that ends the program; or lets it get two signals, the second one of which
 * means it. */
static void ender_run(void *arg)
{
  (void)arg;
  for (uint32_t n = foal_sim_draw(TURNS_MAX); n > 0; n--) foal_sim_pause();
  if (stops.with_stop) {
    stops.stopped = true;
    foal_stop(THREAD_STATUS);
    return;
  }
  begin_drain();
  if (foal_sim_draw(2) == 0) return;
  for (uint32_t n = foal_sim_draw(TURNS_MAX); n > 0; n--) foal_sim_pause();
  stops.signals += foal__sim_signal(SIGTERM);
}

static bool stops_start(void)
{
  memset(&stops, 0, sizeof stops);
  stops.count = foal_sim_size(CHATTERS_MAX);
  stops.with_stop = foal_sim_draw(2) == 0;
  stops.stubborn = foal_sim_draw(4) == 0;
  stops.steady = foal_sim_draw(4) == 0 && !foal__sim_on(FOAL__SIM_W_priorities);
  stops.end_at = foal_sim_size(TURNS_MAX);
  if (foal__sim_on(FOAL__SIM_W_signal) && foal_sim_draw(2) == 0)
    stops.end_at = LONG_TURNS; /* the signal comes first, or nearly never */
  for (uint32_t i = 0; i < stops.count; i++) {
    if (!chatter_made(i)) return false;
  }
  if (foal_sim_draw(2) == 0) foal_sim_thread(ender_run, NULL);
  return true;
}

/* A thread may stand still in the middle of asking for the end, as long as others run. */
static bool stops_fine_start(void)
{
  bool started = stops_start();
  stops.steady = false;
  return started;
}

static bool stops_poor_start(void)
{
  bool started = stops_start();
  stops.poor = true;
  return started;
}

/* A stubborn one is waited for as long as the drain may take, and not a second time. */
static void check_duration(void)
{
  uint64_t took_ms = foal_sim_now_ms() - stops.drained_ms;
  if (stops.signals > 0) {
    if (stops.stubborn) foal_sim_mark("stops_two_signals");
    FOAL_SIM_CHECK(took_ms < DRAIN_MS / 2);
  } else if (stops.stubborn) {
    foal_sim_mark("stops_cut_off");
    FOAL_SIM_CHECK(took_ms + LATE_MS >= DRAIN_MS && took_ms <= DRAIN_MS + LATE_MS);
  } else {
    FOAL_SIM_CHECK(took_ms < DRAIN_MS / 2);
  }
}

static void stops_check(void)
{
  int status = foal__load(&foal__rt.status, relaxed);
  bool asked = status == ACTOR_STATUS || status == THREAD_STATUS;
  if (stops.stopped) foal_sim_mark("stops_stopped");
  if (stops.poor) return;
  FOAL_SIM_CHECK(stops.stopped ? asked || foal__sim_on(FOAL__SIM_W_signal) : status == 0);
  if (stops.stopped) return;
  if (foal__sim_on(FOAL__SIM_W_signal)) {
    if (!stops.drained) foal_sim_mark("stops_signal");
    return; /* there may have been two */
  }
  FOAL_SIM_CHECK(stops.drained && (stops.drains > 0 || stops.signals > 0));
  check_duration();
  foal_sim_mark("stops_drained");
}

static const char *const stops_marks[] = {"stops_stopped",
                                          "stops_drained",
                                          "stops_signal",
                                          "stops_made_late",
                                          "stops_cut_off",
                                          "stops_two_signals",
                                          NULL};
const foal_scenario rt_stops = {
    .name = "stops",
    .about = "a drain or a stop at any moment",
    .start = stops_start,
    .check = stops_check,
    .options = {.drain_ms = DRAIN_MS},
    .steps_max = 2000000,
    .marks = stops_marks,
    .flags = FOAL_SIM_STOPS,
};

const foal_scenario rt_stops_poor = {
    .name = "stops_poor",
    .about = "a drain or a stop when allocations fail",
    .start = stops_poor_start,
    .check = stops_check,
    .options = {.drain_ms = 20}, /* whoever is not told for lack of memory is cut off */
    .flags = FOAL_SIM_MEMORY | FOAL_SIM_STOPS,
};

const foal_scenario baton_stops = {
    .name = "baton_stops",
    .about = "a drain or a stop, interleaving at every shared word",
    .start = stops_fine_start,
    .check = stops_check,
    .options = {.workers = 3, .drain_ms = DRAIN_MS},
    .steps_max = 2000000,
    .flags = FOAL_SIM_FINE,
};
