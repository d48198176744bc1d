/* A behaviour gets a handle on a frozen buffer and keeps nobody informed.
 *
 * expect clang: val 'v' is still held at the end of function */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR_VAL(worker, read)

static void worker_on_read(worker *self, foal_val **v)
{
  self->done += foal_val_len(*v);
}
