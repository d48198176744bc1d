/* The answer of the work goes to the actor whose turn it is.
 *
 * expect clang: calling function '.*' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_WORK(worker, digest)
FOAL_BEHAVIOUR_ISO(worker, job)

static void start(worker *self, foal_buf **b) FOAL_TAKES(*b);
static void start(worker *self, foal_buf **b)
{
  worker_digest_start(self, b);
}

static void worker_on_job(worker *self, foal_buf **b)
{
  start(self, b);
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
