/* Beside a buffer there is room for 24 bytes.
 *
 * expect any: too many argument bytes */
#include "sink.h"

typedef struct big {
  uint64_t words[4];
} big;
typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO1(worker, job, big, what)

static void worker_on_job(worker *self, foal_buf **b, big what)
{
  foal_slot_put(&self->waiting, b);
  self->done += what.words[0];
}
