/* What runs under a loop callback only is not called in a turn.
 *
 * expect clang: calling function 'pump' requires holding role 'foal_loop' */
#include "sink.h"

static void pump(void) FOAL_LOOP;
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
  pump();
}

static void pump(void) {}
