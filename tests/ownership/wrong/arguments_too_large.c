/* What does not fit into a message travels as a buffer.
 *
 * expect any: too many argument bytes */
#include "sink.h"

typedef struct big {
  uint64_t words[6];
} big;
typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, fill, big, what)

static void worker_on_fill(worker *self, big what)
{
  self->done += what.words[0];
}
