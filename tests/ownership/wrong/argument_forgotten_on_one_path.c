/* A behaviour forgets its buffer on the way out that is taken least.
 *
 * expect clang: iso 'b' is not held on every path */
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
  if (foal_buf_len(*b) == 0) return;
  foal_slot_put(&self->waiting, b);
}
