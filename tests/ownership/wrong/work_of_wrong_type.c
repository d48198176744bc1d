/* The work function gets a buffer and nothing else: no state of an actor.
 *
 * expect any: conflicting types for 'worker_work_digest'
 * expect gcc: 'worker_work_digest' (used but never defined|defined but not used) */
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

static void worker_work_digest(worker *self, foal_buf **b)
{
  foal_buf_append(*b, ".", 1);
  self->done++;
}

static void worker_on_digest(worker *self, foal_buf **b)
{
  self->done++;
  foal_slot_put(&self->waiting, b);
}
