/* A behaviour reads its buffer after it moved it on.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b' */
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
  self->done += foal_buf_len(*b);
}
