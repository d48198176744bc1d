/* A frozen buffer is kept between turns, read in each of them, and replaced.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct config {
  foal_val_slot text FOAL_REF;
} config;
FOAL_TAG(config)
FOAL_ACTOR_WITH_END(config)
FOAL_BEHAVIOUR_VAL(config, change)
FOAL_BEHAVIOUR1(config, show, sink_tag, to)
FOAL_BEHAVIOUR1(config, hand_over, sink_tag, to)

static void config_on_change(config *self, foal_val **v)
{
  foal_val_slot_put(&self->text, v);
}

static void config_on_show(config *self, sink_tag to)
{
  foal_val *copy;
  if (foal_val_slot_share(&self->text, &copy)) sink_show(to, &copy);
}

static void config_on_hand_over(config *self, sink_tag to)
{
  foal_val *v;
  if (!foal_val_slot_take(&self->text, &v)) return;
  sink_count(to, foal_val_len(v));
  sink_show(to, &v);
}

static void config_on_end(config *self)
{
  foal_val_slot_clear(&self->text);
}
