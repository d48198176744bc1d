/* A raw pointer would share state between two actors.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, look, uint64_t *, where)

static void worker_on_look(worker *self, uint64_t *where)
{
  self->done += *where;
}
