/* A connection lives in its actor; a pointer to it does not leave.
 *
 * expect any: a pointer cannot be sent */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_BEHAVIOUR1(worker, adopt, foal_conn *, conn)

static void worker_on_adopt(worker *self, foal_conn *conn)
{
  self->done++;
  (void)conn;
}
