/* A string is a pointer to somebody else's bytes.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, say, const char *, text)

static void worker_on_say(worker *self, const char *text)
{
  self->done += text != NULL;
}
