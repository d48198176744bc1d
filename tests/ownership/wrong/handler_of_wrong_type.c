/* The handler disagrees with the declaration about an argument.
 *
 * expect any: conflicting types for 'worker_on_add'
 * expect gcc: 'worker_on_add' (used but never defined|defined but not used) */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, add, uint64_t, amount)

static void worker_on_add(worker *self, uint32_t amount)
{
  self->done += amount;
}
