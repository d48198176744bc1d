/* rt_watch.c - scenario `watch`: actors that live for a moment, who watches them, and
 * who still has their tags.
 *
 * Keepers make mayflies on all workers, watch them, call them, tell them to end, and
 * keep the tags for later calls. Every watch is answered by one `down`, whenever the
 * watched one ended; a mayfly only ever hears calls that were meant for it, though
 * slots are used again and again; and what was not handled was dropped and counted. */
#include "scenarios.h"

#include "../../runtime/actor.h"

#include <string.h>

enum { KEEPERS_MAX = 5, FLIES_MAX = 200, TAGS = 16 };

typedef struct watch_fly {
  uint32_t number, calls_left;
} watch_fly;
FOAL_TAG(watch_fly)
FOAL_ACTOR_WITH_END(watch_fly)
FOAL_BEHAVIOUR2(watch_fly, hatch, uint32_t, number, uint32_t, calls)
FOAL_BEHAVIOUR1(watch_fly, call, uint32_t, number)

typedef struct watch_keeper {
  watch_fly_tag flies[TAGS];
  uint32_t numbers[TAGS];
  uint32_t at, downs, watches;
} watch_keeper;
FOAL_TAG(watch_keeper)
FOAL_ACTOR_WITH_END(watch_keeper)
FOAL_BEHAVIOUR0(watch_keeper, work)
FOAL_BEHAVIOUR2(watch_keeper, meet, watch_fly_tag, fly, uint32_t, number)
FOAL_DOWN(watch_keeper)

static struct {
  watch_keeper_tag keepers[KEEPERS_MAX];
  uint32_t count, flies, flies_max, calls, calls_done, tells, gone, watches, downs;
  uint32_t hatched, ended, ended_alone;
  bool poor; /* memory is short: some of it may be lost */
} watched;

/* ---- mayflies ---- */

static void watch_fly_on_hatch(watch_fly *self, uint32_t number, uint32_t calls)
{
  FOAL_SIM_CHECK(self->number == 0);
  self->number = number + 1;
  self->calls_left = calls;
  watched.hatched++;
}

static void watch_fly_on_call(watch_fly *self, uint32_t number)
{
  if (self->number == 0 && watched.poor) return; /* its first is lost */
  if (self->number != number + 1) {
    foal_sim_fail("mayfly %u hears what mayfly %u was called", self->number - 1, number);
  }
  FOAL_SIM_CHECK(self->calls_left > 0);
  watched.calls_done++;
  if (--self->calls_left > 0) return;
  watched.ended_alone++;
  foal_actor_end(FOAL_ENDED);
}

static void watch_fly_on_end(watch_fly *self)
{
  (void)self;
  watched.ended++;
}

/* ---- keepers ---- */

static void call(const watch_keeper *self, uint32_t which)
{
  if (foal_tag_is_nobody(self->flies[which].any)) return;
  watched.calls++;
  watch_fly_call(self->flies[which], self->numbers[which]);
}

static void watch_one(watch_keeper *self, foal_tag who) FOAL_TURN;
static void watch_one(watch_keeper *self, foal_tag who)
{
  self->watches++;
  watched.watches++;
  watch_keeper_watch(self, who);
}

static void tell(foal_tag who)
{
  watched.tells++;
  foal_actor_tell_end(who, FOAL_TOLD_TO_END);
}

static bool spawn_fly(watch_fly_tag *out)
{
  switch (foal_sim_draw(3)) {
  case 0:
    return watch_fly_spawn(out);
  case 1:
    return watch_fly_spawn_on(out, foal_sim_draw(foal_workers()));
  default:
    return watch_fly_spawn_pinned(out, foal_sim_draw(foal_workers()));
  }
}

static void make_fly(watch_keeper *self) FOAL_TURN;
static void make_fly(watch_keeper *self)
{
  watch_fly_tag fly;
  uint32_t number = watched.flies;
  if (watched.flies == watched.flies_max) return;
  if (!spawn_fly(&fly)) {
    watched.flies_max--; /* or it would try for ever */
    return;
  }
  watched.flies++;
  watch_fly_hatch(fly, number, 1 + foal_sim_draw(4));
  if (foal_sim_draw(2) == 0) watch_one(self, fly.any);
  watch_keeper_meet(watched.keepers[foal_sim_draw(watched.count)], fly, number);
  self->flies[self->at] = fly;
  self->numbers[self->at] = number;
  self->at = (self->at + 1) % TAGS;
  for (uint32_t n = foal_sim_draw(3); n > 0; n--) call(self, foal_sim_draw(TAGS));
  if (foal_sim_draw(4) == 0) watch_one(self, self->flies[foal_sim_draw(TAGS)].any);
  tell(fly.any); /* so that all of them end */
}

static void watch_keeper_on_work(watch_keeper *self)
{
  for (uint32_t n = 1 + foal_sim_draw(2); n > 0; n--) make_fly(self);
  if (watched.flies < watched.flies_max) watch_keeper_work(watch_keeper_self(self));
}

static void watch_keeper_on_meet(watch_keeper *self, watch_fly_tag fly, uint32_t number)
{
  self->flies[self->at] = fly;
  self->numbers[self->at] = number;
  call(self, self->at);
  if (foal_sim_draw(3) == 0) watch_one(self, fly.any);
  if (foal_sim_draw(8) == 0) tell(fly.any);
  self->at = (self->at + 1) % TAGS;
}

static void watch_keeper_on_down(watch_keeper *self, foal_tag who, foal_err why)
{
  FOAL_SIM_CHECK(why == FOAL_GONE || why == FOAL_TOLD_TO_END || why == FOAL_ENDED);
  watched.gone += why == FOAL_GONE;
  watched.downs++;
  self->downs++;
  FOAL_SIM_CHECK(self->downs <= self->watches);
  for (uint32_t i = 0; i < TAGS; i++) {
    if (foal_tag_equal(self->flies[i].any, who) && foal_sim_draw(2) == 0) {
      foal_sim_mark("watch_stale_call");
      call(self, i);
    }
  }
}

static void watch_keeper_on_end(watch_keeper *self)
{
  if (self->downs != self->watches && !watched.poor) {
    foal_sim_fail("%u watches, %u downs", self->watches, self->downs);
  }
}

static bool watch_start(void)
{
  memset(&watched, 0, sizeof watched);
  watched.count = foal_sim_size(KEEPERS_MAX);
  watched.flies_max = foal_sim_size(FLIES_MAX);
  for (uint32_t i = 0; i < watched.count; i++) {
    uint32_t worker = foal_sim_draw(foal_workers());
    if (!watch_keeper_spawn_on(&watched.keepers[i], worker)) return false;
  }
  for (uint32_t i = 0; i < watched.count; i++) watch_keeper_work(watched.keepers[i]);
  return true;
}

static bool watch_poor_start(void)
{
  bool started = watch_start();
  watched.poor = true;
  return started;
}

static void watch_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  if (watched.gone > 0) foal_sim_mark("watch_gone");
  FOAL_SIM_CHECK(watched.ended == watched.flies);
  if (watched.poor) return;
  FOAL_SIM_CHECK(watched.hatched == watched.flies);
  FOAL_SIM_CHECK(watched.watches == watched.downs);
  /* A mayfly that was not told when it ended did so alone; all other tells came late. A
   * watch of nobody or of one that is gone is dropped too. */
  uint32_t told = watched.ended - watched.ended_alone;
  int64_t dropped = (int64_t)(watched.calls - watched.calls_done) +
                    (watched.tells - told) + watched.gone;
  if (c.messages_dropped != dropped) {
    foal_sim_fail("%lld messages were dropped, not %lld", (long long)c.messages_dropped,
                  (long long)dropped);
  }
}

static const char *const watch_marks[] = {"watch_stale_call", "watch_gone", NULL};
const foal_scenario rt_watch = {
    .name = "watch",
    .about = "short lives, watchers, and tags of those that are gone",
    .start = watch_start,
    .check = watch_check,
    .marks = watch_marks,
};

const foal_scenario rt_watch_poor = {
    .name = "watch_poor",
    .about = "short lives and watchers when allocations fail",
    .start = watch_poor_start,
    .check = watch_check,
    .flags = FOAL_SIM_MEMORY,
};

const foal_scenario baton_watch = {
    .name = "baton_watch",
    .about = "short lives and watchers, interleaving at every shared word",
    .start = watch_start,
    .check = watch_check,
    .options = {.workers = 3},
    .flags = FOAL_SIM_FINE,
};
