/* An actor with behaviours of no, one, two and three value arguments, and the program
 * around it.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct counter {
  uint64_t total FOAL_REF;
} counter;
FOAL_TAG(counter)
FOAL_ACTOR(counter)
FOAL_BEHAVIOUR0(counter, zero)
FOAL_BEHAVIOUR1(counter, add, uint64_t, amount)
FOAL_BEHAVIOUR2(counter, scale, uint32_t, times, uint32_t, over)
FOAL_BEHAVIOUR3(counter, report, sink_tag, to, bool, and_clear, uint8_t, shift)

static void counter_on_zero(counter *self)
{
  self->total = 0;
}

static void counter_on_add(counter *self, uint64_t amount)
{
  self->total += amount;
}

static void counter_on_scale(counter *self, uint32_t times, uint32_t over)
{
  if (over != 0) self->total = self->total * times / over;
}

static void counter_on_report(counter *self, sink_tag to, bool and_clear, uint8_t shift)
{
  sink_count(to, self->total << shift);
  if (and_clear) counter_zero(counter_self(self));
}

int main(void)
{
  counter_tag first;
  sink_tag nobody = {{NULL, 0}};
  if (foal_start(NULL) != FOAL_OK) return 1;
  if (!counter_spawn(&first)) return 1;
  counter_add(first, 21);
  counter_scale(first, 2, 1);
  counter_report(first, nobody, true, 0);
  return foal_run();
}
