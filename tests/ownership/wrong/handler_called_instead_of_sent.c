/* The handler of another actor cannot be called: there is only a tag to call it with.
 *
 * expect clang: passing 'boss_tag'.*to parameter of incompatible type 'boss [*]'
 * expect gcc: incompatible type for argument 1 */
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
FOAL_BEHAVIOUR1(worker, report, boss_tag, to)

static void boss_on_add(boss *self, uint64_t amount)
{
  self->done += amount;
}

static void worker_on_report(worker *self, boss_tag to)
{
  boss_on_add(to, self->done);
}
