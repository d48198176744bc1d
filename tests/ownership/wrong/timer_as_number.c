/* A timer is not a number.
 *
 * expect clang: assigning to 'foal_timer'
 * expect gcc: incompatible types when assigning */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_TIMER(worker, tick)

static void worker_on_tick(worker *self)
{
  self->done++;
  self->next = 1;
}
