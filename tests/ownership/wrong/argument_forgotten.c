/* A behaviour gets a buffer and does nothing with it.
 *
 * expect clang: iso 'b' is still held at the end of function */
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
  self->done += foal_buf_len(*b);
}
