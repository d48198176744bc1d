/* The work answers with its buffer, so it cannot drop it.
 *
 * expect clang: expecting iso 'b' to be held at the end of function */
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

static void worker_work_digest(foal_buf **b)
{
  foal_buf_drop(b);
}

static void worker_on_digest(worker *self, foal_buf **b)
{
  self->done++;
  foal_slot_put(&self->waiting, b);
}
