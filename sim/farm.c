/* farm.c - many runs of one scenario in many processes.
 *
 * The processes share the counter of units and nothing else; each counts in its own slot,
 * which only it writes. What is printed comes from the parent alone. */
#include "impl/farm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_MAX = 256, LOOK_MS = 200, TELL_S = 5 };

typedef struct work {
  const foal__sim_plan *plan;
  _Atomic uint64_t *next;
} work;

/* ---- the child's side ---- */

static _Noreturn void differs(foal__sim_slot *slot, const foal__sim_record *was)
{
  foal__sim_result *r = &slot->result;
  snprintf(r->why, sizeof r->why,
           "not the same in a second run: hash %016llx, then %016llx; steps %llu, then "
           "%llu; bytes %llu, then %llu",
           (unsigned long long)was->hash, (unsigned long long)r->hash,
           (unsigned long long)was->steps, (unsigned long long)r->steps,
           (unsigned long long)was->bytes, (unsigned long long)r->wire_bytes);
  r->failed = true;
  fflush(NULL);
  _exit(FOAL__SIM_STATUS_FAILED);
}

static void remember(foal__sim_slot *slot, const foal__sim_plan *plan, uint64_t i)
{
  foal__sim_record *record = &plan->records[i];
  const foal__sim_result *r = &slot->result;
  if (!plan->again) {
    *record = (foal__sim_record){r->hash, r->steps, r->wire_bytes};
  } else if (record->hash != r->hash || record->steps != r->steps ||
             record->bytes != r->wire_bytes) {
    differs(slot, record);
  }
}

/* Another run comes first in the process: what it leaves behind must not be seen. */
static void warm_up(foal__sim_slot *slot, const foal__sim_plan *plan)
{
  foal__sim_unit unit;
  plan->unit(plan, 0, &unit);
  unit.config.seed += plan->units;
  foal__sim_child_run(slot, &unit);
}

static void run_units(foal__sim_slot *slot, void *arg)
{
  const work *w = arg;
  const foal__sim_plan *plan = w->plan;
  if (plan->again) warm_up(slot, plan);
  for (;;) {
    uint64_t i = (*w->next)++;
    if (i >= plan->units) return;
    /* The second time from the end, so that each run has another one before it. */
    if (plan->again) i = plan->units - 1 - i;
    foal__sim_unit unit;
    plan->unit(plan, i, &unit);
    slot->unit = i;
    foal__sim_child_run(slot, &unit);
    if (plan->records != NULL) remember(slot, plan, i);
  }
}

/* ---- sums ---- */

void foal__sim_sum_add(foal__sim_sum *sum, const foal__sim_sum *more)
{
  sum->runs += more->runs;
  sum->steps += more->steps;
  sum->bytes += more->bytes;
  sum->connections += more->connections;
  sum->virtual_ns += more->virtual_ns;
  sum->hash += more->hash;
  sum->failed += more->failed;
  sum->cpu_s += more->cpu_s;
  sum->wall_s += more->wall_s;
}

static void add_up(const foal__sim_child *children, uint64_t jobs, foal__sim_sum *out)
{
  out->runs = out->steps = out->bytes = out->connections = 0;
  out->virtual_ns = out->hash = 0;
  out->cpu_s = 0;
  memset(out->mark, 0, sizeof out->mark);
  for (uint64_t i = 0; i < jobs; i++) {
    const foal__sim_totals *t = &children[i].slot->totals;
    out->runs += t->runs;
    out->steps += t->steps;
    out->bytes += t->bytes;
    out->connections += t->connections;
    out->virtual_ns += t->virtual_ns;
    out->hash += t->hash;
    out->cpu_s += foal__sim_child_cpu_s(&children[i]);
    for (uint32_t m = 0; m < FOAL__SIM_MARKS_MAX; m++) out->mark[m] += t->mark[m];
  }
}

/* ---- progress ---- */

const char *foal__sim_short(double n, char out[16])
{
  static const char *const units[] = {"", " k", " M", " G", " T"};
  int unit = 0;
  for (; n >= 9999.5 && unit < 4; unit++) n /= 1000;
  snprintf(out, 16, n < 99.5 && unit > 0 ? "%.1f%s" : "%.0f%s", n, units[unit]);
  return out;
}

void foal__sim_farm_hush(foal__sim_farm *farm)
{
  if (farm->shown) fputs("\r\033[K", stderr);
  farm->shown = false;
}

static void tell_progress(foal__sim_farm *farm, const foal__sim_plan *plan,
                          const foal__sim_sum *sum)
{
  bool terminal = isatty(STDERR_FILENO);
  double now_s = foal__sim_wall_s();
  if (farm->options->quiet || now_s - farm->told_s < (terminal ? 0.2 : (double)TELL_S))
    return;
  farm->told_s = now_s;
  uint64_t done = farm->units_before + sum->runs + sum->failed;
  double rate = (double)done / (now_s - farm->started_s + 1e-9);
  double steps = (double)(farm->all.steps + sum->steps);
  double cpu_s = farm->all.cpu_s + sum->cpu_s + 1e-9;
  uint64_t left = farm->units_all > done ? farm->units_all - done : 0;
  char a[16], b[16];
  farm->shown = terminal;
  fprintf(stderr,
          "%s%s: %llu of %llu runs, %s a second, %s steps per CPU second, %.0f s left%s",
          terminal ? "\r" : "", plan->name, (unsigned long long)done,
          (unsigned long long)farm->units_all, foal__sim_short(rate, a),
          foal__sim_short(steps / cpu_s, b), (double)left / (rate + 1e-9),
          terminal ? "\033[K" : "\n");
}

/* ---- the parent's side ---- */

static uint64_t jobs_for(const foal__sim_options *o, const foal__sim_plan *plan)
{
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t jobs = o->jobs != 0 ? o->jobs : cores > 0 ? (uint64_t)cores : 1;
  if (jobs > plan->units) jobs = plan->units;
  return jobs < JOBS_MAX ? jobs : JOBS_MAX;
}

/* Looks after one process; false: its unit failed and that is enough. */
static bool look_after(foal__sim_farm *farm, foal__sim_child *child, work *w,
                       foal__sim_sum *sum)
{
  foal__sim_verdict verdict = {.failed = false};
  foal__sim_child_watch(child);
  if (!foal__sim_child_died(child, &verdict) || !verdict.failed) return true;
  sum->failed++;
  foal__sim_farm_hush(farm);
  bool go_on = farm->failed(farm, &verdict);
  foal__sim_verdict_free(&verdict);
  /* A first run that always fails takes no unit: it must not be made for ever. */
  if (go_on && *w->next < w->plan->units && sum->failed <= w->plan->units) {
    foal__sim_child_start(child, run_units, w);
  }
  return go_on;
}

static bool any_lives(const foal__sim_child *children, uint64_t jobs)
{
  for (uint64_t i = 0; i < jobs; i++) {
    if (children[i].pid != 0) return true;
  }
  return false;
}

static void look_after_all(foal__sim_farm *farm, foal__sim_child *children, uint64_t jobs,
                           work *w, foal__sim_sum *sum)
{
  while (any_lives(children, jobs)) {
    foal__sim_children_wait(LOOK_MS);
    for (uint64_t i = 0; i < jobs; i++) {
      if (!look_after(farm, &children[i], w, sum)) return;
    }
    add_up(children, jobs, sum);
    tell_progress(farm, w->plan, sum);
  }
}

void foal__sim_farm_run(foal__sim_farm *farm, const foal__sim_plan *plan,
                        foal__sim_sum *out)
{
  uint64_t jobs = jobs_for(farm->options, plan);
  foal__sim_child *children = calloc(jobs, sizeof *children);
  work w = {plan, foal__sim_shared(sizeof *w.next)};
  double start_s = foal__sim_wall_s();
  *out = (foal__sim_sum){.runs = 0};
  if (children == NULL) abort();
  for (uint64_t i = 0; i < jobs; i++)
    foal__sim_child_open(&children[i], FOAL__SIM_HANG_S);
  for (uint64_t i = 0; i < jobs; i++) foal__sim_child_start(&children[i], run_units, &w);
  look_after_all(farm, children, jobs, &w, out);
  add_up(children, jobs, out);
  for (uint64_t i = 0; i < jobs; i++) foal__sim_child_close(&children[i]);
  out->wall_s = foal__sim_wall_s() - start_s;
  foal__sim_farm_hush(farm);
  foal__sim_unshared(w.next, sizeof *w.next);
  free(children);
}
