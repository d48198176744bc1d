/* Buffers moved by behaviours: alone, and beside a value that has any name of the user.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct relay {
  sink_tag next;
  uint64_t bytes FOAL_REF;
} relay;
FOAL_TAG(relay)
FOAL_ACTOR(relay)
FOAL_BEHAVIOUR1(relay, aim, sink_tag, to)
FOAL_BEHAVIOUR_ISO(relay, pass)
FOAL_BEHAVIOUR_ISO1(relay, answer, foal_tag, out)

static void relay_on_aim(relay *self, sink_tag to)
{
  self->next = to;
}

static void relay_on_pass(relay *self, foal_buf **parcel)
{
  self->bytes += foal_buf_len(*parcel);
  sink_put(self->next, parcel);
}

static void relay_on_answer(relay *self, foal_buf **parcel, foal_tag from)
{
  if (foal_tag_equal(from, relay_self(self).any)) {
    foal_buf_drop(parcel);
    return;
  }
  sink_reply(self->next, parcel, from);
}
