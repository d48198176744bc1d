/* sim.c - a scenario outside Foal: it has only the installed headers and library. */
#include <foal.h>

#include <sim/sim.h>

typedef struct counter {
  uint32_t total;
} counter;
FOAL_TAG(counter)
FOAL_ACTOR_WITH_END(counter)
FOAL_BEHAVIOUR1(counter, add, uint32_t, amount)

static uint32_t sent, counted;

static void counter_on_add(counter *self, uint32_t amount)
{
  self->total += amount;
}

static void counter_on_end(counter *self)
{
  counted = self->total;
}

static bool start(void)
{
  counter_tag one;
  sent = counted = 0;
  if (!counter_spawn_on(&one, foal_workers() - 1)) return false;
  for (uint32_t i = foal_sim_size(100); i > 0; i--) {
    uint32_t amount = foal_sim_draw(1000);
    sent += amount;
    counter_add(one, amount);
  }
  return true;
}

static void check(void)
{
  FOAL_SIM_CHECK(counted == sent);
}

int main(int argc, char **argv)
{
  static const foal_scenario adds = {
      .name = "adds", .about = "nothing is lost", .start = start, .check = check};
  const foal_scenario *all[] = {&adds, NULL};
  return foal_sim_main(argc, argv, all);
}
