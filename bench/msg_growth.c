/* msg_growth.c - does a message cost the same among 10 actors and among 1,000,000?
 *
 *   growth-N          a token goes round N actors in the order in which they were made
 *   growth-random-N   the same in random order: no prefetcher can help
 *
 * An actor has two lines of memory, state and all, and a hop touches both; floor.c walks
 * over as many lines in the same orders, so that what memory takes can be told from what
 * the library takes. One worker. A round: the planter tells the actors their successors,
 * a batch at a time; the last one that knows starts the clock and the token; then a
 * second token ends them all. The statics are written by begin and read after the first
 * message; the counts belong to the worker. */
#include "messages.h"

#include <stdlib.h>

enum { PLANTED = 256 }; /* messages of the planter before the walkers run */

typedef struct walker walker;
FOAL_TAG(walker)

struct walker {
  walker_tag next;
};

FOAL_ACTOR(walker)
FOAL_BEHAVIOUR1(walker, set, walker_tag, next)
FOAL_BEHAVIOUR1(walker, token, uint64_t, hops)
FOAL_BEHAVIOUR0(walker, stop)

static struct {
  walker_tag *tags; /* in the order of the walk */
  judge_tag judge;
  uint64_t actors, hops;
  uint64_t unset, left;
  uint64_t ended_ns;
} walk;

static void walker_on_set(walker *self, walker_tag next)
{
  self->next = next;
  if (--walk.unset > 0) return;
  msg_start_clock();
  walker_token(next, walk.hops);
}

static void walker_on_token(walker *self, uint64_t hops)
{
  if (hops > 1) {
    walker_token(self->next, hops - 1);
    return;
  }
  walk.ended_ns = msg_now_ns();
  walker_stop(self->next);
}

static void walker_on_stop(walker *self)
{
  if (--walk.left > 0)
    walker_stop(self->next);
  else
    judge_finished(walk.judge, walk.ended_ns, 0);
  foal_actor_end(FOAL_ENDED);
}

typedef struct planter {
  uint64_t done;
} planter;

FOAL_TAG(planter)
FOAL_ACTOR(planter)
FOAL_BEHAVIOUR0(planter, go)

static void planter_on_go(planter *self)
{
  for (int i = 0; i < PLANTED && self->done < walk.actors; i++, self->done++)
    walker_set(walk.tags[self->done], walk.tags[(self->done + 1) % walk.actors]);
  if (self->done < walk.actors)
    planter_go(planter_self(self));
  else
    foal_actor_end(FOAL_ENDED);
}

static void shuffle(walker_tag *tags, uint64_t count)
{
  uint64_t random = 0x9E3779B97F4A7C15u;
  for (uint64_t i = count - 1; i > 0; i--) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    walker_tag t = tags[i];
    uint64_t k = random % (i + 1);
    tags[i] = tags[k];
    tags[k] = t;
  }
}

FOAL_TURN static bool plant(const msg_round *round, bool random)
{
  planter_tag p;
  walk.actors = walk.unset = walk.left = round->actors;
  walk.hops = round->ops;
  walk.judge = round->judge;
  walk.tags = malloc(walk.actors * sizeof *walk.tags);
  if (walk.tags == NULL || !planter_spawn(&p)) return false;
  for (uint64_t i = 0; i < walk.actors; i++) {
    if (!walker_spawn(&walk.tags[i])) return false;
  }
  if (random) shuffle(walk.tags, walk.actors);
  planter_go(p);
  return true;
}

FOAL_TURN static bool in_order(const msg_round *round)
{
  return plant(round, false);
}

FOAL_TURN static bool at_random(const msg_round *round)
{
  return plant(round, true);
}

static void uproot(void)
{
  free(walk.tags);
  walk.tags = NULL;
}

#define GROWTH(NAME, BEGIN, ACTORS)                                                      \
  {                                                                                      \
    .name = NAME #ACTORS, .unit = "message", .begin = BEGIN, .after = uproot,            \
    .ops_first = 10000, .actors = ACTORS, .places = "1"                                  \
  }
const msg_bench msg_growth[] = {
    GROWTH("growth-", in_order, 10),
    GROWTH("growth-", in_order, 100),
    GROWTH("growth-", in_order, 1000),
    GROWTH("growth-", in_order, 10000),
    GROWTH("growth-", in_order, 100000),
    GROWTH("growth-", in_order, 1000000),
    GROWTH("growth-random-", at_random, 10),
    GROWTH("growth-random-", at_random, 100),
    GROWTH("growth-random-", at_random, 1000),
    GROWTH("growth-random-", at_random, 10000),
    GROWTH("growth-random-", at_random, 100000),
    GROWTH("growth-random-", at_random, 1000000),
    {0},
};
#undef GROWTH
