/* The tag of an actor is asked for in its turn.
 *
 * expect clang: calling function 'worker_self' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR0(worker, zero)

static void again(worker *self)
{
  worker_zero(worker_self(self));
}

static void worker_on_zero(worker *self)
{
  if (++self->done < 10) again(self);
}
