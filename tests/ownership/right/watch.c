/* An actor that spawns others, is told when one ends, and spawns it again.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct child {
  uint32_t age;
} child;
FOAL_TAG(child)
FOAL_ACTOR(child)
FOAL_BEHAVIOUR0(child, grow)

typedef struct parent {
  child_tag only FOAL_REF;
} parent;
FOAL_TAG(parent)
FOAL_ACTOR(parent)
FOAL_DOWN(parent)
FOAL_BEHAVIOUR0(parent, begin)

static void child_on_grow(child *self)
{
  if (++self->age > 90) foal_actor_end(FOAL_ENDED);
}

static void parent_on_begin(parent *self)
{
  if (!child_spawn(&self->only)) return;
  parent_watch(self, self->only.any);
  child_grow(self->only);
}

static void parent_on_down(parent *self, foal_tag who, foal_err why)
{
  if (!foal_tag_equal(who, self->only.any) || why == FOAL_STOPPED) return;
  parent_begin(parent_self(self));
}
