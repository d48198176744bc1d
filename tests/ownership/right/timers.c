/* A timer that arms itself again, one that is cancelled, and a delay that is computed.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct clock_actor {
  foal_timer next FOAL_REF;
  foal_timer give_up FOAL_REF;
  uint64_t ticks FOAL_REF;
} clock_actor;
FOAL_TAG(clock_actor)
FOAL_ACTOR(clock_actor)
FOAL_TIMER(clock_actor, tick)
FOAL_TIMER(clock_actor, expire)
FOAL_BEHAVIOUR1(clock_actor, begin, uint64_t, delay_ms)

static void clock_actor_on_begin(clock_actor *self, uint64_t delay_ms)
{
  self->next = clock_actor_tick_after(self, delay_ms);
  self->give_up = clock_actor_expire_after(self, delay_ms * 100);
}

static void clock_actor_on_tick(clock_actor *self)
{
  self->next = clock_actor_tick_after(self, 1000);
  if (++self->ticks == 60) (void)foal_timer_cancel(self->give_up);
}

static void clock_actor_on_expire(clock_actor *self)
{
  if (foal_timer_cancel(self->next)) foal_actor_end(FOAL_ENDED);
}
