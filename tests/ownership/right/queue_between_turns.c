/* Buffers wait in a bounded queue; what the receiver has no room for goes back to the
 * front.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct feeder {
  foal_bufq waiting FOAL_REF;
  size_t credit_bytes FOAL_REF;
  sink_tag next;
} feeder;
FOAL_TAG(feeder)
FOAL_ACTOR_WITH_END(feeder)
FOAL_BEHAVIOUR1(feeder, start, sink_tag, next)
FOAL_BEHAVIOUR_ISO(feeder, feed)
FOAL_BEHAVIOUR1(feeder, credit, size_t, bytes)

static void feed_on(feeder *self) FOAL_TURN;

static void feeder_on_start(feeder *self, sink_tag next)
{
  self->next = next;
  foal_bufq_bound(&self->waiting, 65536);
}

static void feeder_on_feed(feeder *self, foal_buf **b)
{
  if (foal_bufq_room(&self->waiting) == 0) {
    foal_buf_drop(b);
    return;
  }
  foal_bufq_put(&self->waiting, b);
  feed_on(self);
}

static void feeder_on_credit(feeder *self, size_t bytes)
{
  self->credit_bytes += bytes;
  feed_on(self);
}

static void feed_on(feeder *self)
{
  foal_buf *b;
  while (foal_bufq_take(&self->waiting, &b)) {
    if (foal_buf_len(b) > self->credit_bytes) {
      foal_bufq_put_back(&self->waiting, &b);
      return;
    }
    self->credit_bytes -= foal_buf_len(b);
    sink_put(self->next, &b);
  }
}

static void feeder_on_end(feeder *self)
{
  foal_bufq_clear(&self->waiting);
}
