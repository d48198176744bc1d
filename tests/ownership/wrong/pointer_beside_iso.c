/* A raw pointer beside a buffer is a raw pointer as well.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO1(worker, job, void *, context)

static void worker_on_job(worker *self, foal_buf **b, void *context)
{
  foal_slot_put(&self->waiting, b);
  (void)context;
}
