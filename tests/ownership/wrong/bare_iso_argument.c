/* A buffer does not travel as a value: FOAL_BEHAVIOUR_ISO moves it.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR2(worker, job, uint64_t, weight, foal_buf *, b)

static void worker_on_job(worker *self, uint64_t weight, foal_buf *b)
{
  self->done += weight;
  (void)b;
}
