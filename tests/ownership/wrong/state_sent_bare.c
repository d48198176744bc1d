/* A bare buffer pointer in the state of an actor is of unknown state in every turn and
 * cannot be sent. Keep a slot or a queue.
 *
 * expect clang: releasing iso 'self->kept' that was not held */
#include "sink.h"

typedef struct worker {
  foal_buf *kept;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, flush, sink_tag, to)

static void worker_on_flush(worker *self, sink_tag to)
{
  if (self->kept != NULL) sink_put(to, &self->kept);
}
