/* rt_last.c - scenario `last`: what an actor does as its last thing, and who hears of it.
 *
 * Mortals with small and large states end in every way there is: by themselves, twice in
 * one behaviour, in what they do at the end of their turn, told by others, or because the
 * program stops. Their last words make timers, ask for a turn's end, send, and make
 * others: none of that may come back to the dead. Whoever watches hears once, of that
 * life and of no other, with the first reason given, and after the last words. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/timer.h"

#include <string.h>

enum { LIVES_MAX = 60, LARGE_BYTES = 3000, WATCHERS = 2, STOP_STATUS = 7 };

typedef struct last_mortal {
  uint32_t number; /* 0: not born */
} last_mortal;
FOAL_TAG(last_mortal)
FOAL_ACTOR_WITH_END(last_mortal)
FOAL_BEHAVIOUR1(last_mortal, born, uint32_t, number)
FOAL_BEHAVIOUR0(last_mortal, act)
FOAL_TIMER(last_mortal, never)

typedef struct last_large {
  uint32_t number;
  uint8_t bytes[LARGE_BYTES];
} last_large;
FOAL_TAG(last_large)
FOAL_ACTOR_WITH_END(last_large)
FOAL_BEHAVIOUR1(last_large, born, uint32_t, number)
FOAL_BEHAVIOUR0(last_large, act)

typedef struct last_watcher {
  uint32_t me;
} last_watcher;
FOAL_TAG(last_watcher)
FOAL_ACTOR(last_watcher)
FOAL_BEHAVIOUR1(last_watcher, go, uint32_t, me)
FOAL_BEHAVIOUR1(last_watcher, heard, uint32_t, number)
FOAL_DOWN(last_watcher)

typedef struct life {
  foal_tag tag;
  bool ended, ended_itself, large;
  foal_err why, told;
  uint32_t watched[WATCHERS], downs[WATCHERS];
} life;

static struct {
  life lives[LIVES_MAX], *known[LIVES_MAX];
  last_watcher_tag watchers[WATCHERS];
  uint32_t made, made_max, known_count, stop_at, heard, ends;
  bool stopped;
} last;

static foal_err any_reason(void)
{
  static const foal_err reasons[] = {FOAL_ENDED, FOAL_TOLD_TO_END, FOAL_NO_MEMORY,
                                     FOAL_FULL, FOAL_BAD_STATE};
  return reasons[foal_sim_draw(sizeof reasons / sizeof *reasons)];
}

static last_watcher_tag any_watcher(void)
{
  return last.watchers[foal_sim_draw(WATCHERS)];
}

static void end_with(uint32_t number) FOAL_TURN;
static void end_with(uint32_t number)
{
  life *l = &last.lives[number - 1];
  foal_err why = any_reason();
  if (!l->ended_itself) l->why = why;
  l->ended_itself = true;
  foal_actor_end(why);
}

/* ---- mortals ---- */

/* Others may come first in the middle of a spawn, so the place is taken before and told
 * of afterwards. */
static bool make(void)
{
  if (last.made == last.made_max) return false;
  uint32_t number = ++last.made, worker = foal_sim_draw(foal_workers());
  life *l = &last.lives[number - 1];
  last_mortal_tag small;
  last_large_tag large;
  l->large = foal_sim_draw(3) == 0;
  if (l->large) {
    if (!last_large_spawn_on(&large, worker)) return false;
    last_large_born(large, number);
    l->tag = large.any;
  } else {
    bool made = foal_sim_draw(2) == 0 ? last_mortal_spawn_pinned(&small, worker)
                                      : last_mortal_spawn(&small);
    if (!made) return false;
    last_mortal_born(small, number);
    l->tag = small.any;
  }
  last.known[last.known_count++] = l;
  return true;
}

static life *any_life(void)
{
  return last.known[foal_sim_draw(last.known_count)];
}

static void act_on(const life *l)
{
  if (l->large) {
    last_large_act((last_large_tag){l->tag});
  } else {
    last_mortal_act((last_mortal_tag){l->tag});
  }
}

static void after_death(void *self)
{
  (void)self;
  foal_sim_fail("the end of a turn comes to one that has ended");
}

static void flush_end(void *self) FOAL_TURN;
static void flush_end(void *self)
{
  /* Told to end in this very turn: then that was the reason. */
  if ((foal__self->current->flags & FOAL__ENDING) != 0) return;
  end_with(((const last_mortal *)self)->number);
}

static void last_words(const void *self, uint32_t number) FOAL_TURN;
static void last_words(const void *self, uint32_t number)
{
  life *l = number > 0 ? &last.lives[number - 1] : NULL;
  last.ends++;
  if (number > 0) {
    FOAL_SIM_CHECK(!l->ended);
    l->ended = true;
    last_watcher_heard(any_watcher(), number);
  }
  if (foal_sim_draw(3) == 0) foal__at_turn_end(after_death);
  uint32_t running = foal__load(&foal__rt.running, relaxed);
  bool over = running > 0 && foal__load(&foal__rt.left, relaxed) == running;
  last_mortal_tag late;
  if (over && last_mortal_spawn(&late)) {
    foal_sim_fail("an actor is made when all loops are over");
  }
  (void)self;
}

static void last_mortal_on_born(last_mortal *self, uint32_t number)
{
  FOAL_SIM_CHECK(self->number == 0);
  self->number = number;
}

static void last_mortal_on_act(last_mortal *self)
{
  switch (foal_sim_draw(5)) {
  case 0:
    end_with(self->number);
    if (foal_sim_draw(2) == 0) end_with(self->number);
    break;
  case 1:
    foal__at_turn_end(flush_end);
    break;
  case 2:
    (void)make();
    break;
  default:
    break;
  }
}

static void last_mortal_on_never(last_mortal *self)
{
  foal_sim_fail("a timer of life %u, made in its last words, comes back", self->number);
}

static void last_mortal_on_end(last_mortal *self)
{
  (void)last_mortal_never_after(self, foal_sim_draw(20));
  last_words(self, self->number);
}

static void last_large_on_born(last_large *self, uint32_t number)
{
  for (uint32_t i = 0; i < LARGE_BYTES; i += 100) FOAL_SIM_CHECK(self->bytes[i] == 0);
  self->number = number;
  foal_sim_stream(number, 0, self->bytes, LARGE_BYTES);
}

static void last_large_on_act(last_large *self)
{
  FOAL_SIM_CHECK(foal_sim_stream_is(self->number, 0, self->bytes, LARGE_BYTES));
  if (foal_sim_draw(3) == 0) end_with(self->number);
}

static void last_large_on_end(last_large *self)
{
  last_words(self, self->number);
}

/* ---- watchers ---- */

static void tell_one(void)
{
  life *l = any_life();
  if (l->told != FOAL_OK) return;
  l->told = any_reason();
  foal_actor_tell_end(l->tag, l->told);
}

static void watch_one(last_watcher *self) FOAL_TURN;
static void watch_one(last_watcher *self)
{
  life *l = any_life();
  l->watched[self->me]++;
  last_watcher_watch(self, l->tag);
}

static void maybe_stop(void)
{
  if (last.stop_at == 0 || --last.stop_at > 0) return;
  last.stopped = true;
  foal_stop(STOP_STATUS);
}

static void last_watcher_on_go(last_watcher *self, uint32_t me)
{
  self->me = me;
  maybe_stop();
  bool more = make();
  if (last.known_count == 0) return;
  for (uint32_t n = foal_sim_draw(4); n > 0; n--) act_on(any_life());
  watch_one(self);
  if (foal_sim_draw(2) == 0) watch_one(self);
  if (foal_sim_draw(2) == 0) tell_one();
  if (more) last_watcher_go(last_watcher_self(self), me);
}

static void last_watcher_on_heard(last_watcher *self, uint32_t number)
{
  (void)self;
  FOAL_SIM_CHECK(last.lives[number - 1].ended);
  last.heard++;
}

static void last_watcher_on_down(last_watcher *self, foal_tag who, foal_err why)
{
  life *l = last.lives;
  while (l < last.lives + last.made && !foal_tag_equal(l->tag, who)) l++;
  FOAL_SIM_CHECK(l < last.lives + last.made);
  FOAL_SIM_CHECK(l->ended && l->downs[self->me] < l->watched[self->me]);
  l->downs[self->me]++;
  foal_err expected = l->ended_itself ? l->why : l->told;
  if (why != FOAL_GONE && why != expected) {
    foal_sim_fail("a watcher hears %s, and it ended with %s", foal_err_name(why),
                  foal_err_name(expected));
  }
}

static bool last_start(void)
{
  memset(&last, 0, sizeof last);
  last.made_max = foal_sim_size(LIVES_MAX);
  if (foal_sim_draw(3) == 0) last.stop_at = 1 + foal_sim_draw(LIVES_MAX);
  for (uint32_t i = 0; i < WATCHERS; i++) {
    uint32_t worker = foal_sim_draw(foal_workers());
    FOAL_SIM_CHECK(last_watcher_spawn_on(&last.watchers[i], worker));
    last_watcher_go(last.watchers[i], i);
  }
  return true;
}

static void last_check(void)
{
  int status = foal__load(&foal__rt.status, relaxed);
  FOAL_SIM_CHECK(status == (last.stopped ? STOP_STATUS : 0));
  if (last.stopped) {
    foal_sim_mark("last_stopped");
    return;
  }
  /* Those that are left end when all is over: nobody hears of them any more. */
  uint32_t again = 0;
  for (uint32_t i = 0; i < last.made; i++) {
    const life *l = &last.lives[i];
    FOAL_SIM_CHECK(l->ended);
    if (!l->ended_itself && l->told == FOAL_OK) continue;
    for (uint32_t w = 0; w < WATCHERS; w++) FOAL_SIM_CHECK(l->downs[w] == l->watched[w]);
    again += l->ended_itself && l->told != FOAL_OK;
  }
  if (again > 0) foal_sim_mark("last_two_reasons");
  if (last.made > 20) foal_sim_mark("last_many");
}

static const char *const last_marks[] = {"last_stopped", "last_two_reasons", "last_many",
                                         NULL};
const foal_scenario rt_last = {
    .name = "last",
    .about = "every way to end, last words, and who hears of it",
    .start = last_start,
    .check = last_check,
    .marks = last_marks,
};

const foal_scenario baton_last = {
    .name = "baton_last",
    .about = "ends and who hears of them, interleaving at every shared word",
    .start = last_start,
    .check = last_check,
    .options = {.workers = 3},
    .flags = FOAL_SIM_FINE,
};
