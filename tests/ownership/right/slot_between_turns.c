/* One buffer waits in a slot from one turn to the next, and is taken out to be looked
 * at.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct collector {
  foal_slot rest FOAL_REF;
  sink_tag next;
} collector;
FOAL_TAG(collector)
FOAL_ACTOR_WITH_END(collector)
FOAL_BEHAVIOUR_ISO(collector, more)
FOAL_BEHAVIOUR0(collector, flush)

static void collector_on_more(collector *self, foal_buf **b)
{
  foal_buf *rest;
  if (!foal_slot_take(&self->rest, &rest)) {
    foal_slot_put(&self->rest, b);
    return;
  }
  if (foal_buf_room(rest) < foal_buf_len(*b)) {
    sink_put(self->next, &rest);
    foal_slot_put(&self->rest, b);
    return;
  }
  foal_buf_append(rest, foal_buf_data(*b), foal_buf_len(*b));
  foal_buf_drop(b);
  foal_slot_put(&self->rest, &rest);
}

static void collector_on_flush(collector *self)
{
  foal_buf *rest;
  if (foal_slot_take(&self->rest, &rest)) sink_put(self->next, &rest);
}

static void collector_on_end(collector *self)
{
  collector_on_flush(self);
}
