/* The state of an actor is not an argument: its tag is.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR3(worker, meet, int, a, int, b, worker *, friend)

static void worker_on_meet(worker *self, int a, int b, worker *friend)
{
  self->done += friend->done;
  (void)a;
  (void)b;
}
