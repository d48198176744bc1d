/* options.h - the command line of a simulator program, and the line that replays a run.
 *
 * A unit is one run to be made: everything it depends on. Its replay line is the same
 * thing as text; reading back a line that was written gives the same unit. */
#ifndef FOAL_SIM_IMPL_OPTIONS_H
#define FOAL_SIM_IMPL_OPTIONS_H

#include "../sim.h"
#include "draw.h"

#include <stdio.h>

enum {
  FOAL__SIM_ASKED = 256, /* flag of a scenario: runs only when it is named */
  FOAL__SIM_SCENARIOS_MAX = 256,
  FOAL__SIM_MARKS_MAX = 64,
  FOAL__SIM_LINE_BYTES = 4096,
  FOAL__SIM_SEEDS = 100, /* of a scenario, unless the command line says otherwise */
};

/* One run. steps_max: 0: the scenario's. */
typedef struct foal__sim_unit {
  const foal_scenario *scenario;
  uint32_t steps_max;
  foal__sim_config config;
} foal__sim_unit;

typedef struct foal__sim_options {
  const char *program;
  const foal_scenario *const *all;
  const foal_scenario *scenario[FOAL__SIM_SCENARIOS_MAX]; /* those to run */
  size_t scenarios;
  bool named;            /* the command line said which */
  bool seed_given;       /* one seed: from */
  foal__sim_config base; /* of every unit; the seed comes later */
  uint64_t seed, seeds, from, jobs, steps, scale, fail_at;
  bool check_replay, shrink, bench, list, list_faults, fail_on, exhaust, quiet, verbose,
      keep_going, help;
  const char *replay, *off, *only, *trace, *regressions;
} foal__sim_options;

/* Reads the command line. false: it was wrong, and the usage was printed. */
bool foal__sim_options_read(foal__sim_options *o, int argc, char **argv,
                            const foal_scenario *const *all);
/* The error of the command line, and how it should look. */
void foal__sim_usage_error(const foal__sim_options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void foal__sim_help(const foal__sim_options *o);
void foal__sim_list(const foal__sim_options *o);
void foal__sim_list_switches(void);

/* The scenario of this name, or NULL. */
const foal_scenario *foal__sim_scenario(const foal_scenario *const *all,
                                        const char *name);
/* The switch of this name, or FOAL__SIM_SWITCHES. */
uint32_t foal__sim_switch_named(const char *name);
bool foal__sim_is_off(const foal__sim_config *config, const char *name);
/* Turns a switch or place off; false: the list is full, or the name is no word. */
bool foal__sim_turn_off(foal__sim_config *config, const char *name);
/* The other way round. */
void foal__sim_turn_on(foal__sim_config *config, const char *name);

/* Writes the replay line; at most FOAL__SIM_LINE_BYTES. */
void foal__sim_line_write(const foal__sim_unit *unit, char *out);
/* Reads one; on an error `why` says what is wrong. */
bool foal__sim_line_read(const char *line, const foal_scenario *const *all,
                         foal__sim_unit *out, char why[128]);

#endif
