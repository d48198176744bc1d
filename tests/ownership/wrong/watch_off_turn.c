/* Who watches is the actor whose turn it is.
 *
 * expect clang: calling function 'worker_watch' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_DOWN(worker)

static void mind(worker *self, foal_tag who)
{
  worker_watch(self, who);
}

static void worker_on_down(worker *self, foal_tag who, foal_err why)
{
  self->done++;
  if (why != FOAL_GONE) mind(self, who);
}
