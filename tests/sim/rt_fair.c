/* rt_fair.c - scenario `fair`: nobody waits for ever behind those that never rest.
 *
 * On each worker live spinners, which send themselves the next message with each one
 * they handle; perhaps a dynasty, in which each actor makes its heir and ends; and
 * victims, which are told when the spinners have begun to spin. When all victims had
 * their turn, the spinners rest. In between no spinner may have more turns in a row than
 * a batch has messages, and a victim no more others before it than have room in the run
 * queue; where turns are drawn in any order, only that it comes at all is checked. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../sim/impl/draw.h"
#include "../../sim/impl/engine.h"

#include <string.h>

enum {
  SPINNERS_MAX = 4,
  VICTIMS_MAX = 3,
  BATCH = 50,
  BATCH_US = 50,
  COST_NS = 30000,
  COSTLY_BATCH = 8, /* the clock is read after 1, 2, 4, 8 messages */
  ROUNDS = 8,       /* of all spinners, before a victim must have had its turn */
  SPINS_MAX = 200000,
  FRESH_SHARE = 256, /* one turn in so many is for the oldest new actor */
};

typedef struct spinner {
  uint32_t me;
} spinner;
FOAL_TAG(spinner)
FOAL_ACTOR(spinner)
FOAL_BEHAVIOUR1(spinner, begin, uint32_t, me)
FOAL_BEHAVIOUR0(spinner, spin)

typedef struct victim {
  char unused;
} victim;
FOAL_TAG(victim)
FOAL_ACTOR(victim)
FOAL_BEHAVIOUR0(victim, turn)

typedef struct heir {
  char unused;
} heir;
FOAL_TAG(heir)
FOAL_ACTOR(heir)
FOAL_BEHAVIOUR0(heir, reign)

static struct {
  victim_tag victims[VICTIMS_MAX];
  uint32_t spinners, victims_count, waiting, running, spins, in_row, last, bound;
  uint32_t cost_ns; /* of a message: a batch ends by time, too */
  bool told;
} fair;

static void tell_victims(void)
{
  fair.told = true;
  for (uint32_t i = 0; i < fair.victims_count; i++) victim_turn(fair.victims[i]);
}

static void count_spin(uint32_t who)
{
  fair.in_row = who == fair.last ? fair.in_row + 1 : 1;
  fair.last = who;
  fair.spins++;
  uint32_t row_max = fair.cost_ns > 0 ? 2 * COSTLY_BATCH : 2 * BATCH;
  if (fair.spinners > 1 && fair.bound > 0 && fair.in_row > row_max) {
    foal_sim_fail("one actor handled %u messages in a row, others were ready",
                  fair.in_row);
  }
  uint32_t bound = fair.bound > 0 ? fair.bound : SPINS_MAX;
  if (fair.spins > bound) {
    foal_sim_fail("%u actors still wait after %u messages of others", fair.waiting,
                  fair.spins);
  }
}

static void spinner_on_begin(spinner *self, uint32_t me)
{
  self->me = me;
  if (++fair.running == fair.spinners) tell_victims();
  spinner_spin(spinner_self(self));
}

static void spinner_on_spin(spinner *self)
{
  if (fair.told && fair.waiting == 0) return;
  if (fair.told) count_spin(self->me);
  foal__sim_pass(fair.cost_ns);
  spinner_spin(spinner_self(self));
}

static void victim_on_turn(victim *self)
{
  (void)self;
  fair.waiting--;
}

static void heir_on_reign(heir *self)
{
  heir_tag next;
  (void)self;
  if (fair.told) count_spin(SPINNERS_MAX);
  if ((!fair.told || fair.waiting > 0) && heir_spawn(&next)) heir_reign(next);
  foal_actor_end(FOAL_ENDED);
}

static bool fair_start(void)
{
  heir_tag first;
  memset(&fair, 0, sizeof fair);
  fair.spinners = foal_sim_size(SPINNERS_MAX);
  fair.victims_count = fair.waiting = foal_sim_size(VICTIMS_MAX);
  bool dynasty = foal_sim_draw(3) == 0;
  fair.cost_ns = foal_sim_draw(3) == 0 ? COST_NS : 0;
  uint32_t actors = fair.spinners + fair.victims_count;
  if (!foal__sim_on(FOAL__SIM_W_any_order)) {
    fair.bound = actors * BATCH * ROUNDS;
    if (dynasty) fair.bound += actors * ROUNDS * FRESH_SHARE;
  }
  for (uint32_t i = 0; i < fair.victims_count; i++)
    FOAL_SIM_CHECK(victim_spawn_pinned(&fair.victims[i], 0));
  for (uint32_t i = 0; i < fair.spinners; i++) {
    spinner_tag s;
    FOAL_SIM_CHECK(spinner_spawn_pinned(&s, 0));
    spinner_begin(s, i);
  }
  if (dynasty && heir_spawn(&first)) heir_reign(first);
  return true;
}

static void fair_check(void)
{
  FOAL_SIM_CHECK(fair.told && fair.waiting == 0);
}

const foal_scenario rt_fair = {
    .name = "fair",
    .about = "actors that never rest, and those that wait behind them",
    .start = fair_start,
    .check = fair_check,
    .options = {.workers = 1, .batch_messages = BATCH, .batch_us = BATCH_US},
    .steps_max = 400000,
};
