/* A function that may run outside a turn reads what belongs to a turn.
 *
 * expect clang: reading variable 'done' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, add, uint64_t, amount)

static uint64_t total(const worker *self)
{
  return self->done;
}

static void worker_on_add(worker *self, uint64_t amount)
{
  self->done = total(self) + amount;
}
