/* Three arguments that fit alone do not fit together.
 *
 * expect any: too many argument bytes */
#include "sink.h"

typedef struct big {
  uint64_t words[2];
} big;
typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR3(worker, fill, big, a, big, b, big, c)

static void worker_on_fill(worker *self, big a, big b, big c)
{
  self->done += a.words[0] + b.words[0] + c.words[0];
}
