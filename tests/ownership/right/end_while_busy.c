/* An actor that ends itself still gives everything back, and may send for the last time.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct guest {
  foal_slot coat;
  foal_bufq bags;
  foal_val_slot ticket;
  sink_tag host;
} guest;
FOAL_TAG(guest)
FOAL_ACTOR_WITH_END(guest)
FOAL_BEHAVIOUR_ISO(guest, carry)
FOAL_BEHAVIOUR0(guest, leave)

static void guest_on_carry(guest *self, foal_buf **b)
{
  if (!foal_slot_full(&self->coat))
    foal_slot_put(&self->coat, b);
  else if (foal_bufq_room(&self->bags) > 0)
    foal_bufq_put(&self->bags, b);
  else
    foal_buf_drop(b);
}

static void guest_on_leave(guest *self)
{
  (void)self;
  foal_actor_end(FOAL_ENDED);
}

static void guest_on_end(guest *self)
{
  foal_buf *coat;
  if (foal_slot_take(&self->coat, &coat)) sink_put(self->host, &coat);
  foal_bufq_clear(&self->bags);
  foal_val_slot_clear(&self->ticket);
}
