/* FOAL_TIMER asks for the handler of the behaviour.
 *
 * expect clang: function 'worker_on_tick' has internal linkage but is not defined
 * expect gcc: 'worker_on_tick' used but never defined */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_TIMER(worker, tick)
FOAL_BEHAVIOUR0(worker, zero)

static void worker_on_zero(worker *self)
{
  self->done = 0;
  self->next = worker_tick_after(self, 10);
}
