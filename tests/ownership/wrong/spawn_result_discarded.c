/* Whether there is an actor must be asked.
 *
 * expect clang: ignoring return value of function
 * expect gcc: ignoring return value */
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

int main(void)
{
  worker_tag first;
  if (foal_start(NULL) != FOAL_OK) return 1;
  worker_spawn(&first);
  worker_add(first, 1);
  return foal_run();
}
