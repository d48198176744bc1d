/* A behaviour moves its buffer on twice.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO(worker, job)

static void worker_on_job(worker *self, foal_buf **b)
{
  foal_slot_put(&self->waiting, b);
  worker_job(worker_self(self), b);
}
