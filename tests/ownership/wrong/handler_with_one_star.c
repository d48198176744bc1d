/* A handler of a moved buffer gets the place that owns it.
 *
 * expect any: conflicting types for 'worker_on_job'
 * expect gcc: 'worker_on_job' (used but never defined|defined but not used) */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO(worker, job)

static void worker_on_job(worker *self, foal_buf *b)
{
  self->done += foal_buf_len(b);
}
