/* Each actor type has its own type of tag: a message cannot reach the wrong one.
 *
 * expect clang: passing 'sink_tag'.*to parameter of incompatible type 'worker_tag'
 * expect gcc: incompatible type for argument 1 */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, add, uint64_t, amount)

static void worker_on_add(worker *self, uint64_t amount)
{
  self->done += amount;
}

void run(sink_tag to)
{
  worker_add(to, 1);
}
