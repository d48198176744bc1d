/* main.c - foal-sim: the scenarios of scenarios.h under as many seeds as you like.
 *
 *    foal-sim                        all of them, 100 seeds each
 *    foal-sim mesh --seeds 10000
 *    foal-sim --help */
#include "scenarios.h"

int main(int argc, char **argv)
{
#define ADDRESS_(variable) &variable,
  static const foal_scenario *const all[] = {SCENARIOS(ADDRESS_) NULL};
  return foal_sim_main(argc, argv, all);
}
