/* The handler forgets an argument.
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
FOAL_BEHAVIOUR2(worker, add, uint64_t, amount, foal_tag, from)

static void worker_on_add(worker *self, uint64_t amount)
{
  self->done += amount;
}
