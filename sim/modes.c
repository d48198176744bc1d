/* modes.c - the ways to use the program: seeds, lines, twice each, for speed, without
 * memory. Each is a row of farms, one per scenario, and a line on each. */
#include "impl/modes.h"

#include <stdlib.h>
#include <string.h>

enum {
  CHUNK = 1 << 16,       /* runs that are remembered at a time, to be compared */
  MARKS_AFTER_RUNS = 200 /* so many runs must have met every mark */
};

static void seed_unit(const foal__sim_plan *plan, uint64_t i, foal__sim_unit *out)
{
  *out = plan->base;
  out->config.seed += plan->first + i;
}

foal__sim_plan foal__sim_seeds_of(const foal__sim_options *o, const foal_scenario *s)
{
  foal__sim_plan plan = {.name = s->name, .units = o->seeds, .unit = seed_unit};
  plan.base = (foal__sim_unit){s, (uint32_t)o->steps, o->base};
  plan.base.config.seed = o->from;
  return plan;
}

static void finish(foal__sim_farm *farm, const foal__sim_plan *plan,
                   const foal__sim_sum *sum)
{
  farm->units_before += plan->units;
  foal__sim_sum_add(&farm->all, sum);
}

static bool go_on(const foal__sim_farm *farm, bool good)
{
  return good || farm->options->keep_going;
}

static void tell_scenario(const foal__sim_farm *farm, const char *name,
                          const foal__sim_sum *sum)
{
  char steps[16], bytes[16];
  if (farm->options->quiet) return;
  printf("%-20s %7llu runs  %7s steps  %7s bytes  %s\n", name,
         (unsigned long long)(sum->runs + sum->failed),
         foal__sim_short((double)sum->steps, steps),
         foal__sim_short((double)sum->bytes, bytes),
         sum->failed == 0 ? "good" : "FAILED");
  fflush(stdout);
}

static void tell_hash(const foal__sim_farm *farm)
{
  printf("hash of %llu runs: %016llx\n", (unsigned long long)farm->all.runs,
         (unsigned long long)farm->all.hash);
}

/* ---- seeds ---- */

/* Only whole runs count: with less trouble or less to do, cases are not met. */
static bool check_marks(const foal__sim_options *o, const foal_scenario *s,
                        const foal__sim_sum *sum)
{
  bool whole = o->base.off == 0 && o->base.scale == 100 && o->base.fail_at == 0;
  bool good = true;
  for (uint32_t i = 0; i < FOAL__SIM_MARKS_MAX; i++) {
    if (s->marks == NULL || s->marks[i] == NULL) break;
    if (o->verbose) {
      printf("  %-30s %llu times\n", s->marks[i], (unsigned long long)sum->mark[i]);
    }
    if (sum->mark[i] > 0 || !whole || sum->runs < MARKS_AFTER_RUNS) continue;
    printf("%s: not met in %llu runs: %s\n", s->name, (unsigned long long)sum->runs,
           s->marks[i]);
    good = false;
  }
  return good;
}

bool foal__sim_mode_seeds(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  bool good = true;
  farm->units_all += o->scenarios * o->seeds;
  for (size_t i = 0; i < o->scenarios && go_on(farm, good); i++) {
    foal__sim_plan plan = foal__sim_seeds_of(o, o->scenario[i]);
    foal__sim_sum sum;
    foal__sim_farm_run(farm, &plan, &sum);
    finish(farm, &plan, &sum);
    tell_scenario(farm, plan.name, &sum);
    good = check_marks(o, o->scenario[i], &sum) && sum.failed == 0 && good;
  }
  if (good && !o->quiet) tell_hash(farm);
  if (good && o->seed_given && o->scenarios == 1) {
    foal__sim_plan plan = foal__sim_seeds_of(o, o->scenario[0]);
    foal__sim_show(o, &plan.base);
  }
  return good;
}

/* ---- everything twice ---- */

/* Makes the runs of the plan, and makes them again; adds the first ones to the sum. */
static bool run_twice(foal__sim_farm *farm, foal__sim_plan *plan, foal__sim_sum *sum)
{
  foal__sim_sum first, second = {.runs = 0};
  size_t bytes = plan->units * sizeof *plan->records;
  plan->records = foal__sim_shared(bytes);
  plan->again = false;
  foal__sim_farm_run(farm, plan, &first);
  finish(farm, plan, &first);
  if (first.failed == 0) {
    plan->again = true;
    foal__sim_farm_run(farm, plan, &second);
    farm->units_before += plan->units;
  }
  foal__sim_unshared(plan->records, bytes);
  first.failed += second.failed;
  foal__sim_sum_add(sum, &first);
  return first.failed == 0;
}

bool foal__sim_mode_check(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  bool good = true;
  farm->units_all += o->scenarios * o->seeds * 2;
  for (size_t i = 0; i < o->scenarios && go_on(farm, good); i++) {
    foal__sim_plan plan = foal__sim_seeds_of(o, o->scenario[i]);
    foal__sim_sum sum = {.runs = 0};
    while (plan.first < o->seeds && go_on(farm, good)) {
      plan.units = o->seeds - plan.first < CHUNK ? o->seeds - plan.first : CHUNK;
      good = run_twice(farm, &plan, &sum) && good;
      plan.first += plan.units;
    }
    tell_scenario(farm, plan.name, &sum);
  }
  if (good) tell_hash(farm);
  return good;
}

/* ---- speed ---- */

static void tell_speed(const char *name, const foal__sim_sum *sum)
{
  char text[4][16];
  double cpu_s = sum->cpu_s > 1e-6 ? sum->cpu_s : 1e-6;
  printf("%-20s %8llu %12s %12s %12s %12s\n", name, (unsigned long long)sum->runs,
         foal__sim_short((double)sum->runs / cpu_s, text[0]),
         foal__sim_short((double)sum->steps / cpu_s, text[1]),
         foal__sim_short((double)sum->bytes / cpu_s, text[2]),
         foal__sim_short((double)sum->connections / cpu_s, text[3]));
  (void)fflush(stdout);
}

/* Scenarios whose names begin alike are measured together, too. */
enum { GROUPS_MAX = 16 };
typedef struct group {
  char name[FOAL__SIM_WORD_BYTES];
  uint32_t members;
  foal__sim_sum sum;
} group;

static void add_to_group(group groups[GROUPS_MAX], const char *name,
                         const foal__sim_sum *sum)
{
  const char *end = strchr(name, '_');
  char key[FOAL__SIM_WORD_BYTES];
  (void)snprintf(key, sizeof key, "%.*s_*", end != NULL ? (int)(end - name) : 0, name);
  for (int i = 0; end != NULL && i < GROUPS_MAX; i++) {
    group *g = &groups[i];
    if (g->members > 0 && strcmp(g->name, key) != 0) continue;
    (void)snprintf(g->name, sizeof g->name, "%s", key);
    g->members++;
    foal__sim_sum_add(&g->sum, sum);
    return;
  }
}

bool foal__sim_mode_bench(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  static group groups[GROUPS_MAX];
  foal__sim_sum all = {.runs = 0};
  bool good = true;
  farm->units_all += o->scenarios * o->seeds;
  printf("%-20s %8s %12s %12s %12s %12s\n", "per CPU second:", "runs of", "runs", "steps",
         "bytes", "connections");
  for (size_t i = 0; i < o->scenarios && go_on(farm, good); i++) {
    foal__sim_plan plan = foal__sim_seeds_of(o, o->scenario[i]);
    foal__sim_sum sum;
    foal__sim_farm_run(farm, &plan, &sum);
    finish(farm, &plan, &sum);
    tell_speed(plan.name, &sum);
    add_to_group(groups, plan.name, &sum);
    foal__sim_sum_add(&all, &sum);
    good = sum.failed == 0 && good;
  }
  for (int i = 0; i < GROUPS_MAX; i++) {
    if (groups[i].members > 1) tell_speed(groups[i].name, &groups[i].sum);
  }
  tell_speed("all", &all);
  return good;
}

/* ---- each allocation fails, one after another ---- */

static void failing_unit(const foal__sim_plan *plan, uint64_t i, foal__sim_unit *out)
{
  *out = plan->base;
  out->config.fail_at = 1 + i / 2;
  out->config.fail_on = i % 2 == 1;
}

static bool exhaust_seed(foal__sim_farm *farm, const foal_scenario *s, uint64_t at,
                         foal__sim_sum *sum)
{
  foal__sim_plan plan = foal__sim_seeds_of(farm->options, s);
  foal__sim_verdict *plain = malloc(sizeof *plain);
  if (plain == NULL) abort();
  plan.base.config.seed += at;
  foal__sim_try_unit(&plan.base, &(foal__sim_try){.hang_s = 0}, plain);
  bool good = !plain->failed;
  if (good) {
    foal__sim_sum more;
    /* Without the switch: one thing that fails at a time. Up to the place where it
     * fails the run is the plain one, so there is no other allocation to fail. */
    plan.unit = failing_unit;
    plan.units = 2 * plain->result.allocs;
    farm->units_all += plan.units;
    foal__sim_farm_run(farm, &plan, &more);
    finish(farm, &plan, &more);
    foal__sim_sum_add(sum, &more);
    good = more.failed == 0;
  } else {
    sum->failed++;
    foal__sim_report(farm, plain);
  }
  foal__sim_verdict_free(plain);
  free(plain);
  return good;
}

bool foal__sim_mode_exhaust(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  bool good = true;
  for (size_t i = 0; i < o->scenarios && go_on(farm, good); i++) {
    const foal_scenario *s = o->scenario[i];
    foal__sim_sum sum = {.runs = 0};
    if ((s->flags & FOAL_SIM_MEMORY) == 0) continue;
    for (uint64_t at = 0; at < o->seeds && go_on(farm, good); at++) {
      good = exhaust_seed(farm, s, at, &sum) && good;
    }
    tell_scenario(farm, s->name, &sum);
  }
  return good;
}

/* ---- lines ---- */

static void line_unit(const foal__sim_plan *plan, uint64_t i, foal__sim_unit *out)
{
  *out = plan->lines[i];
}

bool foal__sim_mode_lines(foal__sim_farm *farm, const foal__sim_unit *lines, uint64_t n)
{
  const foal__sim_options *o = farm->options;
  foal__sim_plan plan = {.name = "replay", .units = n, .unit = line_unit, .lines = lines};
  foal__sim_sum sum = {.runs = 0};
  if (n == 0) return true;
  farm->units_all += o->check_replay ? 2 * n : n;
  if (o->check_replay) {
    run_twice(farm, &plan, &sum);
  } else {
    foal__sim_farm_run(farm, &plan, &sum);
    finish(farm, &plan, &sum);
  }
  tell_scenario(farm, n == 1 ? lines[0].scenario->name : "lines", &sum);
  return sum.failed == 0;
}
