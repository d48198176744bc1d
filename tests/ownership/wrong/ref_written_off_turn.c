/* A function that may run outside a turn writes what belongs to a turn.
 *
 * expect clang: writing variable 'done' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR0(worker, zero)

static void clear(worker *self)
{
  self->done = 0;
}

static void worker_on_zero(worker *self)
{
  clear(self);
}
