/* A tag is not the state of its actor.
 *
 * expect clang: passing 'worker_tag'.*to parameter of incompatible type 'worker [*]'
 * expect gcc: incompatible type for argument 1 */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, add, uint64_t, amount)

static void worker_on_add(worker *self, uint64_t amount)
{
  if (amount > 1) worker_on_add(worker_self(self), amount - 1);
}
