/* modes.h - what main.c and modes.c share: the ways to use the program. */
#ifndef FOAL_SIM_IMPL_MODES_H
#define FOAL_SIM_IMPL_MODES_H

#include "farm.h"

/* Prints a failed run: what, the line that replays it, its story. The farm's hook. */
bool foal__sim_report(foal__sim_farm *farm, foal__sim_verdict *verdict);
/* Prints the story of a good run and writes its trace, where that was asked for. */
void foal__sim_show(const foal__sim_options *o, const foal__sim_unit *unit);

/* Seeds of a scenario as a plan. */
foal__sim_plan foal__sim_seeds_of(const foal__sim_options *o, const foal_scenario *s);

/* These return whether all was well. */
bool foal__sim_mode_seeds(foal__sim_farm *farm);
bool foal__sim_mode_check(foal__sim_farm *farm);
bool foal__sim_mode_bench(foal__sim_farm *farm);
bool foal__sim_mode_exhaust(foal__sim_farm *farm);
bool foal__sim_mode_lines(foal__sim_farm *farm, const foal__sim_unit *lines, uint64_t n);

#endif
