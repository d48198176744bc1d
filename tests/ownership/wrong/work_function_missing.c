/* FOAL_WORK asks for the function that works.
 *
 * expect clang: function 'worker_work_digest' has internal linkage but is not defined
 * expect gcc: 'worker_work_digest' used but never defined */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_WORK(worker, digest)
FOAL_BEHAVIOUR_ISO(worker, job)

static void worker_on_job(worker *self, foal_buf **b)
{
  worker_digest_start(self, b);
}

static void worker_on_digest(worker *self, foal_buf **b)
{
  self->done++;
  foal_slot_put(&self->waiting, b);
}
