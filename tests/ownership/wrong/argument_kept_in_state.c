/* A bare buffer pointer in the state of an actor: nobody would know who owns it in the
 * next turn. Keep a slot or a queue.
 *
 * expect clang: iso 'b' is still held at the end of function */
#include "sink.h"

typedef struct worker {
  foal_buf *kept;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_ISO(worker, job)

static void worker_on_job(worker *self, foal_buf **b)
{
  self->kept = *b;
  *b = NULL;
}
