/* FOAL_DOWN asks for a handler of the end of others.
 *
 * expect clang: function 'worker_on_down' has internal linkage but is not defined
 * expect gcc: 'worker_on_down' used but never defined */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_DOWN(worker)
FOAL_BEHAVIOUR1(worker, mind, foal_tag, who)

static void worker_on_mind(worker *self, foal_tag who)
{
  worker_watch(self, who);
}
