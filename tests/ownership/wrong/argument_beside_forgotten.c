/* The value argument is used, the buffer beside it is forgotten.
 *
 * expect clang: iso 'b' is still held at the end of function */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO1(worker, job, uint64_t, weight)

static void worker_on_job(worker *self, foal_buf **b, uint64_t weight)
{
  (void)b;
  self->done += weight;
}
