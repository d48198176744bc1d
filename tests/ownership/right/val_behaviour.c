/* A behaviour that gets a handle reads it, shares it and passes it on.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct reader {
  sink_tag next;
  uint64_t bytes FOAL_REF;
} reader;
FOAL_TAG(reader)
FOAL_ACTOR(reader)
FOAL_BEHAVIOUR_VAL(reader, read)

static void reader_on_read(reader *self, foal_val **v)
{
  foal_val *copy;
  self->bytes += foal_val_len(*v);
  foal_val_share(*v, &copy);
  sink_show(self->next, v);
  reader_read(reader_self(self), &copy);
}
