/* pony_drain.c - scenario `pony_drain`, after Pony's suspend-drain: memory that is given
 * back to workers that sleep.
 *
 * One actor on each of four workers fills large buffers and moves them to a collector on
 * worker 0; then all but that worker go to sleep. The collector drops every buffer: each
 * goes back to the worker it came from, without that one having anything to do. Then
 * there is new work for all, again and again: the workers wake, and find their memory. */
#include "pony.h"
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"
#include "../../runtime/timer.h"
#include "../../sim/impl/run.h"

#include <string.h>

enum {
  WORKERS = 4,
  BLOCKS = 60,   /* of one worker in one round: more than a worker keeps of them */
  BYTES = 60000, /* of the largest class */
  ROUNDS = 6,
  ASLEEP_MS = 1000, /* until then every worker has found that it has nothing to do */
  CHAIN = 32,       /* fewer wait on worker 0 for each of the others */
  PIECES_MORE = (WORKERS - 1) * CHAIN + 20
};

typedef struct drain_maker {
  uint32_t round;
} drain_maker;
FOAL_TAG(drain_maker)
FOAL_ACTOR(drain_maker)
FOAL_BEHAVIOUR1(drain_maker, make, uint32_t, me)

typedef struct drain_keeper {
  foal_bufq held;
  uint32_t round;
} drain_keeper;
FOAL_TAG(drain_keeper)
FOAL_ACTOR_WITH_END(drain_keeper)
FOAL_BEHAVIOUR_ISO1(drain_keeper, block, uint32_t, maker)
FOAL_BEHAVIOUR0(drain_keeper, begin)
FOAL_TIMER(drain_keeper, asleep)

static struct {
  drain_maker_tag makers[WORKERS];
  drain_keeper_tag keeper;
  uint32_t blocks, arrived, drained;
  size_t pieces;
} drain;

static void drain_maker_on_make(drain_maker *self, uint32_t me)
{
  FOAL_SIM_CHECK(foal_worker() == me);
  for (uint32_t i = 0; i < drain.blocks; i++) {
    foal_buf *b;
    if (!foal_buf_new(&b, BYTES)) foal_sim_fail("no memory for a block");
    foal_sim_stream(me, self->round, foal_buf_tail(b), sizeof self->round);
    foal_buf_extend(b, sizeof self->round);
    drain_keeper_block(drain.keeper, &b, me);
  }
  self->round++;
}

static void drain_keeper_on_begin(drain_keeper *self)
{
  (void)self;
  drain.arrived = 0;
  for (uint32_t i = 0; i < WORKERS; i++) drain_maker_make(drain.makers[i], i);
}

/* All there is lies here now: the rounds after the first need no more of it. */
static void look_at_memory(const drain_keeper *self)
{
  size_t pieces = foal__sim_alloc_live();
  if (self->round == 0) drain.pieces = pieces;
  if (pieces > drain.pieces + PIECES_MORE) {
    foal_sim_fail("%zu pieces of memory in round %u, %zu in the first", pieces,
                  self->round, drain.pieces);
  }
}

static void drain_keeper_on_block(drain_keeper *self, foal_buf **b, uint32_t maker)
{
  FOAL_SIM_CHECK(foal_sim_stream_is(maker, self->round, foal_buf_data(*b), 4));
  pony_sign(self->round, maker);
  foal_bufq_put(&self->held, b);
  if (++drain.arrived < WORKERS * drain.blocks) return;
  look_at_memory(self);
  (void)drain_keeper_asleep_after(self, ASLEEP_MS);
}

/* Nobody else has anything to do, nor has when the memory comes back. */
static void drain_keeper_on_asleep(drain_keeper *self)
{
  foal_counters c;
  foal_buf *b;
  foal_counters_read(&c);
  if (c.parks > 0) foal_sim_mark("pony_drain_parked");
  FOAL_SIM_CHECK(c.bufs_live == WORKERS * drain.blocks);
  while (foal_bufq_take(&self->held, &b)) {
    foal_buf_drop(&b);
    drain.drained++;
  }
  foal_counters_read(&c);
  FOAL_SIM_CHECK(c.bufs_live == 0);
  if (++self->round < ROUNDS) drain_keeper_begin(drain_keeper_self(self));
}

static void drain_keeper_on_end(drain_keeper *self)
{
  FOAL_SIM_CHECK(foal_bufq_bytes(&self->held) == 0);
}

static bool drain_start(void)
{
  memset(&drain, 0, sizeof drain);
  pony_unsigned();
  drain.blocks = foal_sim_size(BLOCKS);
  FOAL_SIM_CHECK(drain_keeper_spawn_pinned(&drain.keeper, 0));
  for (uint32_t i = 0; i < WORKERS; i++) {
    FOAL_SIM_CHECK(drain_maker_spawn_pinned(&drain.makers[i], i));
  }
  drain_keeper_begin(drain.keeper);
  return true;
}

static void drain_check(void)
{
  FOAL_SIM_CHECK(drain.drained == ROUNDS * WORKERS * drain.blocks);
}

static const char *const drain_marks[] = {"pony_drain_parked", NULL};
const foal_scenario pony_drain = {
    .name = "pony_drain",
    .about = "memory given back to workers that sleep, and used when they wake",
    .start = drain_start,
    .check = drain_check,
    .options = {.workers = WORKERS},
    .marks = drain_marks,
};
