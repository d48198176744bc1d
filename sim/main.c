/* main.c - the program around runs: which way it is used, and what a failure looks like.
 *
 * A failure is told in one order, always: what failed, what it printed, one line that
 * replays it, its story, and once more why, where the eye ends. */
#include "impl/modes.h"
#include "impl/shrink.h"
#include "impl/story.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
  STORY_LINES = 40,
  OUTPUT_LINES = 60,
  STORIES_MAX = 1, /* of failed runs, with --keep-going */
  LINES_MAX = 1024,
  PROBED_SEEDS = 4,
  HANG_S = 5, /* is known by now */
  ALL_PLACES_MAX = 256,
};

/* ---- one failed run ---- */

typedef struct telling {
  const foal__sim_options *options;
  const foal__sim_unit *unit;
} telling;

static void write_trace(const telling *t, FILE *out)
{
  const char *path = t->options->trace;
  char title[FOAL__SIM_LINE_BYTES];
  if (path == NULL) return;
  foal__sim_line_write(t->unit, title);
  bool good = foal__sim_story_write(path, title);
  fprintf(out, "trace: %s%s%s\n", path, good ? "" : ": ", good ? "" : strerror(errno));
}

/* In the child that has the story. */
static void tell_story(const foal__sim_slot *slot, FILE *out, void *arg)
{
  const telling *t = arg;
  bool all = t->options->verbose;
  (void)slot;
  write_trace(t, out);
  foal__sim_story_print(out, all ? FOAL__SIM_LINES_MAX : STORY_LINES, all);
}

static void print_output(const char *text)
{
  for (int n = 0; text != NULL && *text != '\0'; n++) {
    size_t len = strcspn(text, "\n");
    if (n == OUTPUT_LINES) {
      printf("  | ...\n");
      return;
    }
    printf("  | %.*s\n", (int)len, text);
    text += len + (text[len] == '\n');
  }
}

static void print_story(const foal__sim_options *o, const foal__sim_verdict *v)
{
  telling t = {o, &v->unit};
  foal__sim_try how = {.telling = true, .hang_s = HANG_S, .then = tell_story, .arg = &t};
  foal__sim_verdict *again = malloc(sizeof *again);
  if (again == NULL) abort();
  fflush(stdout);
  foal__sim_try_unit(&v->unit, &how, again);
  if (!again->failed || strcmp(again->kind, v->kind) != 0) {
    printf("this time it %s%s; it depends on more than the seed\n",
           again->failed ? "failed differently: " : "did not fail", again->reason);
  }
  foal__sim_verdict_free(again);
  free(again);
}

bool foal__sim_report(foal__sim_farm *farm, foal__sim_verdict *v)
{
  const foal__sim_options *o = farm->options;
  static uint64_t reported;
  bool differs = strncmp(v->reason, "not the same", 12) == 0;
  bool first = reported++ < STORIES_MAX;
  char line[FOAL__SIM_LINE_BYTES];
  printf("%s seed %llu failed: %s\n", v->unit.scenario->name,
         (unsigned long long)v->unit.config.seed, v->reason);
  if (first) print_output(v->output);
  if (o->shrink && first && !differs) foal__sim_shrink(v);
  foal__sim_line_write(&v->unit, line);
  printf("%s --replay '%s'%s\n", o->program, line, differs ? " --check-replay" : "");
  if (first && !differs) {
    print_story(o, v);
    printf("failed: %s\n", v->reason);
  }
  fflush(stdout);
  return o->keep_going;
}

void foal__sim_show(const foal__sim_options *o, const foal__sim_unit *unit)
{
  if (o->trace == NULL && !o->verbose) return;
  telling t = {o, unit};
  foal__sim_try how = {.telling = true, .then = tell_story, .arg = &t};
  foal__sim_verdict *v = malloc(sizeof *v);
  if (v == NULL) abort();
  fflush(stdout);
  foal__sim_try_unit(unit, &how, v);
  foal__sim_verdict_free(v);
  free(v);
}

/* ---- places: known only when they were met ---- */

typedef struct places {
  char name[ALL_PLACES_MAX][FOAL__SIM_WORD_BYTES];
  uint32_t count;
} places;

static bool is_place(const places *p, const char *name)
{
  for (uint32_t i = 0; i < p->count; i++) {
    if (strcmp(p->name[i], name) == 0) return true;
  }
  return false;
}

static void find_places(const foal__sim_options *o, places *p)
{
  foal__sim_verdict *v = malloc(sizeof *v);
  if (v == NULL) abort();
  for (uint64_t i = 0; i < o->scenarios * PROBED_SEEDS; i++) {
    foal__sim_unit unit = {.scenario = o->scenario[i / PROBED_SEEDS]};
    unit.config = (foal__sim_config){.seed = 1 + i % PROBED_SEEDS, .scale = 100};
    foal__sim_try_unit(&unit, &(foal__sim_try){.hang_s = 0}, v);
    for (uint32_t k = 0; k < v->places; k++) {
      if (is_place(p, v->place[k]) || p->count == ALL_PLACES_MAX) continue;
      memcpy(p->name[p->count++], v->place[k], FOAL__SIM_WORD_BYTES);
    }
    foal__sim_verdict_free(v);
  }
  free(v);
}

static int by_name(const void *a, const void *b)
{
  return strcmp(a, b);
}

static void list_faults(const foal__sim_options *o)
{
  static places p;
  foal__sim_list_switches();
  find_places(o, &p);
  qsort(p.name, p.count, sizeof p.name[0], by_name);
  printf("places met in the first seeds, on in one seed of four:\n");
  for (uint32_t i = 0; i < p.count; i++) printf("%s\n", p.name[i]);
}

/* What --off names must be a switch, or a place of these scenarios. */
static bool names_are_known(const foal__sim_options *o)
{
  static places p;
  bool looked = false;
  for (uint32_t i = 0; i < o->base.off; i++) {
    const char *name = o->base.off_name[i];
    if (foal__sim_switch_named(name) < FOAL__SIM_SWITCHES) continue;
    if (!looked) find_places(o, &p);
    looked = true;
    if (is_place(&p, name)) continue;
    foal__sim_usage_error(o, "unknown switch or place %s; --list-faults names them",
                          name);
    return false;
  }
  return true;
}

/* ---- lines ---- */

static bool is_chosen(const foal__sim_options *o, const foal_scenario *s)
{
  for (size_t i = 0; i < o->scenarios; i++) {
    if (o->scenario[i] == s) return true;
  }
  return !o->named;
}

/* Reads the replay lines of a file. */
static bool read_lines(const foal__sim_options *o, foal__sim_unit *out, uint64_t *n)
{
  char line[FOAL__SIM_LINE_BYTES], why[128] = "";
  FILE *in = fopen(o->regressions, "r");
  unsigned number = 0;
  if (in == NULL) {
    fprintf(stderr, "%s: %s\n", o->regressions, strerror(errno));
    return false;
  }
  while (why[0] == '\0' && fgets(line, sizeof line, in) != NULL) {
    number++;
    if (line[strspn(line, " \t\r\n")] == '#' || line[strspn(line, " \t\r\n")] == '\0') {
      continue;
    }
    if (*n == LINES_MAX) {
      snprintf(why, sizeof why, "more than %d lines", LINES_MAX);
    } else if (foal__sim_line_read(line, o->all, &out[*n], why)) {
      *n += is_chosen(o, out[*n].scenario);
    }
  }
  if (why[0] != '\0') fprintf(stderr, "%s:%u: %s\n", o->regressions, number, why);
  fclose(in);
  return why[0] == '\0';
}

static int run_regressions(foal__sim_farm *farm)
{
  uint64_t n = 0;
  foal__sim_unit *lines = calloc(LINES_MAX, sizeof *lines);
  if (lines == NULL) abort();
  int status = 2;
  if (read_lines(farm->options, lines, &n)) {
    status = foal__sim_mode_lines(farm, lines, n) ? 0 : 1;
  }
  free(lines);
  return status;
}

static int run_replay(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  foal__sim_unit unit;
  char why[128];
  if (!foal__sim_line_read(o->replay, o->all, &unit, why)) {
    foal__sim_usage_error(o, "%s", why);
    return 2;
  }
  if (o->steps != 0) unit.steps_max = (uint32_t)o->steps;
  if (!foal__sim_mode_lines(farm, &unit, 1)) return 1;
  foal__sim_show(o, &unit);
  return 0;
}

/* ---- the program ---- */

static int run(foal__sim_farm *farm)
{
  const foal__sim_options *o = farm->options;
  if (o->trace != NULL && !foal__sim_story_file_known(o->trace)) {
    foal__sim_usage_error(o, "--trace %s: not a name ending in .json, .mmd or .html",
                          o->trace);
    return 2;
  }
  if (!names_are_known(o)) return 2;
  if (o->replay != NULL) return run_replay(farm);
  int status = o->regressions != NULL ? run_regressions(farm) : 0;
  if (status == 2 || (status == 1 && !o->keep_going)) return status;
  bool good;
  if (o->check_replay) {
    good = foal__sim_mode_check(farm);
  } else if (o->bench) {
    good = foal__sim_mode_bench(farm);
  } else if (o->exhaust) {
    good = foal__sim_mode_exhaust(farm);
  } else {
    good = foal__sim_mode_seeds(farm);
  }
  return good ? status : 1;
}

int foal_sim_main(int argc, char **argv, const foal_scenario *const *scenarios)
{
  static foal__sim_options o;
  if (!foal__sim_options_read(&o, argc, argv, scenarios)) return 2;
  if (o.help) {
    foal__sim_help(&o);
  } else if (o.list) {
    foal__sim_list(&o);
  } else if (o.list_faults) {
    list_faults(&o);
  } else {
    foal__sim_farm farm = {.options = &o, .failed = foal__sim_report};
    farm.started_s = foal__sim_wall_s();
    farm.told_s = farm.started_s;
    return run(&farm);
  }
  return 0;
}
