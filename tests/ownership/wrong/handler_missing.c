/* Declared, sent, never written.
 *
 * expect clang: function 'worker_on_add' has internal linkage but is not defined
 * expect gcc: 'worker_on_add' used but never defined */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR0(worker, zero)
FOAL_BEHAVIOUR1(worker, add, uint64_t, amount)

static void worker_on_zero(worker *self)
{
  self->done = 0;
}
