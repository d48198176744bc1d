/* A helper of a behaviour uses what belongs to a turn and does not say FOAL_TURN.
 *
 * expect clang: calling function 'worker_tick_after' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_TIMER(worker, tick)

static void rearm(worker *self)
{
  (void)worker_tick_after(self, 1000);
}

static void worker_on_tick(worker *self)
{
  self->done++;
  rearm(self);
}
