/* A timer of one actor type cannot be armed for another one.
 *
 * expect clang: incompatible pointer types
 * expect gcc: incompatible pointer type */
#include "sink.h"

typedef struct worker {
  uint64_t done FOAL_REF;
  foal_timer next FOAL_REF;
} worker;
FOAL_TAG(worker)
FOAL_ACTOR(worker)
FOAL_TIMER(worker, tick)
typedef struct boss {
  foal_timer next;
} boss;
FOAL_TAG(boss)
FOAL_ACTOR(boss)
FOAL_TIMER(boss, hurry)

static void worker_on_tick(worker *self)
{
  self->next = boss_hurry_after(self, 10);
}

static void boss_on_hurry(boss *self)
{
  self->next = boss_hurry_after(self, 10);
}
