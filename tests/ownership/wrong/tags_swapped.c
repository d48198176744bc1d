/* Two tags in the wrong order are two types in the wrong order.
 *
 * expect clang: incompatible type 'sink_tag'
 * expect gcc: incompatible type for argument 2
 * expect gcc: incompatible type for argument 3 */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR2(worker, join, sink_tag, output, worker_tag, next)

static void worker_on_join(worker *self, sink_tag output, worker_tag next)
{
  sink_poke(output);
  if (self->done == 0) worker_join(next, worker_self(self), output);
}
