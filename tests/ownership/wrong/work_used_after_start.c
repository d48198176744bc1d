/* The buffer belongs to the work from its start to its end.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b' */
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
  self->done += foal_buf_len(*b);
}

static void worker_work_digest(foal_buf **b)
{
  foal_buf_append(*b, ".", 1);
}

static void worker_on_digest(worker *self, foal_buf **b)
{
  self->done++;
  foal_slot_put(&self->waiting, b);
}
