/* The handler takes the state of another actor type.
 *
 * expect any: conflicting types for 'boss_on_add'
 * expect gcc: 'boss_on_add' (used but never defined|defined but not used) */
#include "sink.h"

typedef struct worker {
  foal_slot waiting;
  uint64_t done;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
typedef struct boss {
  uint64_t done;
} boss;
FOAL_TAG(boss)
FOAL_ACTOR(boss)
FOAL_BEHAVIOUR1(boss, add, uint64_t, amount)

static void boss_on_add(worker *self, uint64_t amount)
{
  self->done += amount;
}
