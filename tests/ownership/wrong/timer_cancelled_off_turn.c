/* A timer is cancelled in a turn of its actor.
 *
 * expect clang: reading variable 'next' requires holding role 'foal_turn'
 * expect clang: calling function 'foal_timer_cancel' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_TIMER(worker, tick)

static void quiet(worker *self)
{
  (void)foal_timer_cancel(self->next);
}

static void worker_on_tick(worker *self)
{
  self->done++;
  quiet(self);
}
