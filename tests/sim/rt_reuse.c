/* rt_reuse.c - scenario `reuse`: one slot, hundreds of lives, and a tag of each.
 *
 * A keeper makes mayflies one after the other; each ends with its first call, so that
 * the next one gets the same slot. Tags of the last TAGS lives are kept and called again:
 * nobody hears it, also when as many lives have passed as a byte can count, and when a
 * slot has used up its numbers. Some ask for work at the end of their turn and end in it:
 * it is done, once. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/core.h"

#include <string.h>

enum { TAGS = 512, LIVES_MAX = 1200, AGE = 40 };

typedef struct reuse_fly {
  uint32_t number; /* 0: not hatched */
} reuse_fly;
FOAL_TAG(reuse_fly)
FOAL_ACTOR(reuse_fly)
FOAL_BEHAVIOUR1(reuse_fly, hatch, uint32_t, number)
FOAL_BEHAVIOUR1(reuse_fly, call, uint32_t, number)

typedef struct reuse_keeper {
  char unused;
} reuse_keeper;
FOAL_TAG(reuse_keeper)
FOAL_ACTOR(reuse_keeper)
FOAL_BEHAVIOUR0(reuse_keeper, next)

static struct {
  reuse_fly_tag flies[TAGS];
  reuse_keeper_tag keeper;
  bool ages;
  uint32_t lives, lives_max, heard, called, flush_asked, flushed;
} reuse;

static void flush(void *self)
{
  FOAL_SIM_CHECK(self != NULL);
  reuse.flushed++;
}

static void reuse_fly_on_hatch(reuse_fly *self, uint32_t number)
{
  FOAL_SIM_CHECK(self->number == 0);
  self->number = number + 1;
}

static void reuse_fly_on_call(reuse_fly *self, uint32_t number)
{
  if (self->number != number + 1) {
    foal_sim_fail("life %u hears what life %u was called", self->number - 1, number);
  }
  reuse.heard++;
  if (foal_sim_draw(4) == 0) {
    reuse.flush_asked++;
    foal__at_turn_end(flush);
  }
  foal_actor_end(FOAL_ENDED);
  reuse_keeper_next(reuse.keeper);
}

/* One that is long gone: any, or the one before as many lives as count in 8 bits. */
static void call_again(uint32_t lives)
{
  uint32_t back = foal_sim_draw(2) == 0 ? 256 : 1 + foal_sim_draw(TAGS - 1);
  if (back > lives) return;
  reuse.called++;
  reuse_fly_call(reuse.flies[(lives - back) % TAGS], lives - back);
}

/* Makes a slot old: it has few numbers left and must not begin again with the first. */
static void age(reuse_fly_tag *fly)
{
  foal_actor *x = fly->any.slot_;
  FOAL_SIM_CHECK(fly->any.generation_ > 0 && fly->any.generation_ < UINT32_MAX);
  if (!reuse.ages || x->generation > LIVES_MAX || x->scheduled) return;
  x->generation = fly->any.generation_ = UINT32_MAX - 1 - foal_sim_draw(AGE);
}

static void reuse_keeper_on_next(reuse_keeper *self)
{
  reuse_fly_tag *fly = &reuse.flies[reuse.lives % TAGS];
  (void)self;
  call_again(reuse.lives);
  if (reuse.lives == reuse.lives_max) return;
  FOAL_SIM_CHECK(reuse_fly_spawn_on(fly, foal_sim_draw(8) == 0 ? 0 : foal_worker()));
  age(fly);
  reuse_fly_hatch(*fly, reuse.lives);
  call_again(reuse.lives);
  reuse_fly_call(*fly, reuse.lives++);
}

static bool reuse_start(void)
{
  memset(&reuse, 0, sizeof reuse);
  reuse.lives_max = foal_sim_size(LIVES_MAX);
  reuse.ages = foal_sim_draw(4) == 0;
  FOAL_SIM_CHECK(reuse_keeper_spawn_pinned(&reuse.keeper, foal_sim_draw(foal_workers())));
  reuse_keeper_next(reuse.keeper);
  return true;
}

static void reuse_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(reuse.lives == reuse.lives_max && reuse.heard == reuse.lives);
  FOAL_SIM_CHECK(reuse.flushed == reuse.flush_asked);
  FOAL_SIM_CHECK(c.messages_dropped == reuse.called);
  if (reuse.lives > 600) foal_sim_mark("reuse_long");
}

static const char *const reuse_marks[] = {"reuse_long", NULL};
const foal_scenario rt_reuse = {
    .name = "reuse",
    .about = "hundreds of lives in one slot, and calls to all that are gone",
    .start = reuse_start,
    .check = reuse_check,
    .options = {.workers = 2},
    .marks = reuse_marks,
};
