/* FOAL_ACTOR_WITH_END asks for a handler of the end.
 *
 * expect clang: function 'worker_on_end' has internal linkage but is not defined
 * expect gcc: 'worker_on_end' used but never defined */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR_WITH_END(worker)
FOAL_BEHAVIOUR_ISO(worker, job)

static void worker_on_job(worker *self, foal_buf **b)
{
  foal_slot_put(&self->waiting, b);
}
