/* A handler runs in turns only; a plain function cannot call it.
 *
 * expect clang: calling function 'worker_on_zero' requires holding role 'foal_turn' */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR0(worker, zero)

static void worker_on_zero(worker *self)
{
  self->done = 0;
}

static void restart(worker *self)
{
  worker_on_zero(self);
}

int main(void)
{
  worker first = {.done = 1};
  restart(&first);
  return 0;
}
