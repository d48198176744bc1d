/* farm.h - many runs of one scenario in many processes.
 *
 * A plan says which units there are; processes take them one after another from a
 * shared counter. A process that dies is a failed unit, and is replaced. */
#ifndef FOAL_SIM_IMPL_FARM_H
#define FOAL_SIM_IMPL_FARM_H

#include "child.h"

/* What a run gave, to be compared with a second one. */
typedef struct foal__sim_record {
  uint64_t hash, steps, bytes;
} foal__sim_record;

typedef struct foal__sim_plan {
  const char *name;
  uint64_t units;
  /* Fills the unit number i. */
  void (*unit)(const struct foal__sim_plan *plan, uint64_t i, foal__sim_unit *out);
  foal__sim_unit base;
  const foal__sim_unit *lines; /* of a file; or NULL */
  uint64_t first;              /* unit i is number first + i */
  foal__sim_record *records;   /* shared, one per unit; or NULL */
  bool again;                  /* compare with the records */
} foal__sim_plan;

/* The sum of a farm's totals, and its cost. */
typedef struct foal__sim_sum {
  uint64_t runs, steps, bytes, connections, virtual_ns, hash, failed;
  uint64_t mark[FOAL__SIM_MARKS_MAX];
  double cpu_s, wall_s;
} foal__sim_sum;

void foal__sim_sum_add(foal__sim_sum *sum, const foal__sim_sum *more);

/* How a farm works, and whom it tells. */
typedef struct foal__sim_farm {
  const foal__sim_options *options;
  uint64_t units_before, units_all; /* of all plans, for the remaining time */
  double started_s;
  /* A unit failed; false: stop. The verdict is freed by the farm. */
  bool (*failed)(struct foal__sim_farm *farm, foal__sim_verdict *verdict);
  foal__sim_sum all; /* of the farms before */
  double told_s;     /* when progress was last told */
  bool shown;        /* a progress line stands on the terminal */
} foal__sim_farm;

/* Makes all runs of the plan. */
void foal__sim_farm_run(foal__sim_farm *farm, const foal__sim_plan *plan,
                        foal__sim_sum *out);
/* Takes the progress line off the terminal. */
void foal__sim_farm_hush(foal__sim_farm *farm);

/* 1234567 as "1.2 M". */
const char *foal__sim_short(double n, char out[16]);

#endif
