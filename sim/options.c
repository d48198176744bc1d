/* options.c - the command line of a simulator program, and the line that replays a run.
 *
 * One table holds the options: reading, --help and the checks of numbers all follow it.
 * What is wrong is said in one sentence and never guessed at. */
#include "impl/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { FLAG, NUMBER, TEXT } kind;

typedef struct option {
  const char *name, *value, *about;
  kind kind;
  size_t at; /* of its field in foal__sim_options */
  uint64_t min, max;
} option;

#define FIELD_(name) offsetof(foal__sim_options, name)
#define FLAG_(text, field, about)                                                        \
  {                                                                                      \
    text, NULL, about, FLAG, FIELD_(field), 0, 0                                         \
  }
#define NUMBER_(text, field, min, max, about)                                            \
  {                                                                                      \
    text, "N", about, NUMBER, FIELD_(field), min, max                                    \
  }
#define TEXT_(text, value, field, about)                                                 \
  {                                                                                      \
    text, value, about, TEXT, FIELD_(field), 0, 0                                        \
  }

static const option options[] = {
    NUMBER_("--seed", seed, 0, UINT64_MAX, "run this seed only"),
    NUMBER_("--seeds", seeds, 1, 1000000000000, "run N seeds of each scenario (100)"),
    NUMBER_("--from", from, 0, UINT64_MAX, "the first seed (1)"),
    TEXT_("--replay", "'LINE'", replay, "run what a replay line says"),
    TEXT_("--regressions", "FILE", regressions, "first run the replay lines in FILE"),
    FLAG_("--check-replay", check_replay, "run each seed twice and compare"),
    FLAG_("--shrink", shrink, "look for a smaller run with the same failure"),
    TEXT_("--trace", "FILE", trace,
          "write the story: .json (Perfetto), .mmd (Mermaid), .html"),
    FLAG_("--bench", bench, "how fast each scenario is"),
    FLAG_("--exhaust", exhaust,
          "let each allocation of the seed fail, one after another"),
    TEXT_("--off", "NAME,...", off, "turn switches and places off"),
    TEXT_("--only", "NAME,...", only, "turn all other switches off"),
    NUMBER_("--scale", scale, 1, 100, "percent of the work there is to do (100)"),
    NUMBER_("--fail-at", fail_at, 1, UINT64_MAX, "let the Nth allocation fail"),
    FLAG_("--fail-on", fail_on, "and all after it"),
    NUMBER_("--steps", steps, 1, UINT32_MAX, "a run with more steps never ends"),
    NUMBER_("--jobs", jobs, 1, 256, "processes at a time (one per core)"),
    FLAG_("--keep-going", keep_going, "do not stop at the first failure"),
    FLAG_("--quiet", quiet, "failures only"),
    FLAG_("--verbose", verbose, "marks, longer stories"),
    FLAG_("--list", list, "name the scenarios"),
    FLAG_("--list-faults", list_faults, "name the switches and places"),
    FLAG_("--help", help, "this text"),
};
enum { OPTIONS = sizeof options / sizeof options[0] };

void foal__sim_help(const foal__sim_options *o)
{
  printf("usage: %s [SCENARIO...] [OPTION...]\n"
         "Runs the program under many seeds; without names: all scenarios.\n\n",
         o->program);
  for (size_t i = 0; i < OPTIONS; i++) {
    const option *x = &options[i];
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", x->name, x->value != NULL ? " " : "",
             x->value != NULL ? x->value : "");
    printf("  %-20s %s\n", name, x->about);
  }
  printf("\nStatus: 0, 1 when a run failed, 2 on wrong usage.\n");
}

void foal__sim_usage_error(const foal__sim_options *o, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s: ", o->program);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr,
          "\nusage: %s [SCENARIO...] [--seeds N] [--seed N] [--replay 'LINE'] ...\n"
          "       %s --help\n",
          o->program, o->program);
}

void foal__sim_list(const foal__sim_options *o)
{
  for (size_t i = 0; i < o->scenarios; i++) {
    const foal_scenario *s = o->scenario[i];
    printf("%-20s %s\n", s->name, s->about != NULL ? s->about : "");
  }
}

void foal__sim_list_switches(void)
{
#define PRINT_(name, rate, sentence)                                                     \
  printf("%-16s %5.1f %%  %s\n", #name, (rate) / 10.0, sentence);
  printf("switches, highest rate:\n");
  FOAL__SIM_SWITCHES_MAP(PRINT_)
#undef PRINT_
}

/* ---- numbers and names ---- */

/* Digits only, or 0x and hex digits. */
static bool read_number(const char *text, uint64_t *out)
{
  uint64_t base = 10, n = 0;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text += 2;
  }
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    uint64_t digit;
    if (*text >= '0' && *text <= '9') {
      digit = (uint64_t)(*text - '0');
    } else if (base == 16 && (*text | 32) >= 'a' && (*text | 32) <= 'f') {
      digit = (uint64_t)((*text | 32) - 'a' + 10);
    } else {
      return false;
    }
    if (n > (UINT64_MAX - digit) / base) return false;
    n = n * base + digit;
  }
  *out = n;
  return true;
}

const foal_scenario *foal__sim_scenario(const foal_scenario *const *all, const char *name)
{
  for (; *all != NULL; all++) {
    if (strcmp((*all)->name, name) == 0) return *all;
  }
  return NULL;
}

uint32_t foal__sim_switch_named(const char *name)
{
  for (uint32_t i = 0; i < FOAL__SIM_SWITCHES; i++) {
    if (strcmp(foal__sim_switch_name((foal__sim_switch)i), name) == 0) return i;
  }
  return FOAL__SIM_SWITCHES;
}

bool foal__sim_is_off(const foal__sim_config *config, const char *name)
{
  for (uint32_t i = 0; i < config->off; i++) {
    if (strcmp(config->off_name[i], name) == 0) return true;
  }
  return false;
}

static bool is_word(const char *name)
{
  size_t len = strlen(name);
  return len > 0 && len < FOAL__SIM_WORD_BYTES &&
         strspn(name,
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
             len;
}

bool foal__sim_turn_off(foal__sim_config *config, const char *name)
{
  if (foal__sim_is_off(config, name)) return true;
  if (!is_word(name) || config->off == FOAL__SIM_OFF_MAX) return false;
  memcpy(config->off_name[config->off++], name, strlen(name) + 1);
  return true;
}

void foal__sim_turn_on(foal__sim_config *config, const char *name)
{
  for (uint32_t i = 0; i < config->off; i++) {
    if (strcmp(config->off_name[i], name) != 0) continue;
    config->off--;
    memmove(config->off_name[i], config->off_name[i + 1],
            (config->off - i) * sizeof config->off_name[0]);
    return;
  }
}

/* Calls `each` with the names between the commas; false: it did so once. */
static bool each_name(const char *list, foal__sim_config *config,
                      bool (*each)(foal__sim_config *config, const char *name))
{
  for (;;) {
    char name[FOAL__SIM_WORD_BYTES];
    size_t len = strcspn(list, ",");
    if (len == 0 || len >= sizeof name) return false;
    memcpy(name, list, len);
    name[len] = '\0';
    if (!each(config, name)) return false;
    if (list[len] == '\0') return true;
    list += len + 1;
  }
}

/* ---- the command line ---- */

static void *field(foal__sim_options *o, size_t at)
{
  return (char *)o + at;
}

static const option *option_named(const char *name, size_t len)
{
  for (size_t i = 0; i < OPTIONS; i++) {
    if (strlen(options[i].name) == len && strncmp(options[i].name, name, len) == 0) {
      return &options[i];
    }
  }
  return NULL;
}

static bool take_value(foal__sim_options *o, const option *x, const char *value)
{
  if (x->kind == TEXT) {
    *(const char **)field(o, x->at) = value;
    return true;
  }
  uint64_t n;
  if (!read_number(value, &n) || n < x->min || n > x->max) {
    foal__sim_usage_error(o, "%s %s: not a number from %llu to %llu", x->name, value,
                          (unsigned long long)x->min, (unsigned long long)x->max);
    return false;
  }
  *(uint64_t *)field(o, x->at) = n;
  if (x->at == FIELD_(seed)) o->seed_given = true;
  return true;
}

/* Takes argv[*at] and perhaps the one behind it. */
static bool take_option(foal__sim_options *o, int argc, char **argv, int *at)
{
  const char *arg = argv[*at];
  const char *equals = strchr(arg, '=');
  const option *x =
      option_named(arg, equals != NULL ? (size_t)(equals - arg) : strlen(arg));
  if (x == NULL) {
    foal__sim_usage_error(o, "unknown option %s", arg);
    return false;
  }
  if (x->kind == FLAG) {
    if (equals == NULL) return *(bool *)field(o, x->at) = true;
    foal__sim_usage_error(o, "%s takes no value", x->name);
    return false;
  }
  if (equals != NULL) return take_value(o, x, equals + 1);
  if (*at + 1 < argc) return take_value(o, x, argv[++*at]);
  foal__sim_usage_error(o, "%s needs a value: %s", x->name, x->value);
  return false;
}

static bool take_scenario(foal__sim_options *o, const char *name)
{
  const foal_scenario *s = foal__sim_scenario(o->all, name);
  if (s == NULL) {
    foal__sim_usage_error(o, "unknown scenario %s; --list names them", name);
    return false;
  }
  for (size_t i = 0; i < o->scenarios; i++) {
    if (o->scenario[i] == s) return true;
  }
  o->named = true;
  if (o->scenarios < FOAL__SIM_SCENARIOS_MAX) o->scenario[o->scenarios++] = s;
  return true;
}

static void take_all(foal__sim_options *o)
{
  bool everything = o->list;
  for (const foal_scenario *const *s = o->all; *s != NULL; s++) {
    if (!everything && ((*s)->flags & FOAL__SIM_ASKED) != 0) continue;
    if (o->scenarios < FOAL__SIM_SCENARIOS_MAX) o->scenario[o->scenarios++] = *s;
  }
}

static bool turn_on_known(foal__sim_config *config, const char *name)
{
  if (foal__sim_switch_named(name) == FOAL__SIM_SWITCHES) return false;
  foal__sim_turn_on(config, name);
  return true;
}

static bool read_names(foal__sim_options *o)
{
  if (o->only != NULL) {
    for (uint32_t i = 0; i < FOAL__SIM_SWITCHES; i++) {
      foal__sim_turn_off(&o->base, foal__sim_switch_name((foal__sim_switch)i));
    }
    if (!each_name(o->only, &o->base, turn_on_known)) {
      foal__sim_usage_error(
          o, "--only %s: not all are switches; --list-faults names them", o->only);
      return false;
    }
  }
  if (o->off != NULL && !each_name(o->off, &o->base, foal__sim_turn_off)) {
    foal__sim_usage_error(o, "--off %s: not a list of at most %d names", o->off,
                          FOAL__SIM_OFF_MAX);
    return false;
  }
  return true;
}

/* Options that contradict each other. */
static bool check(const foal__sim_options *o)
{
  const char *why = NULL;
  if (o->replay != NULL && (o->named || o->seed_given || o->seeds != 0 || o->from != 1)) {
    why = "--replay says the scenario and the seed itself";
  } else if (o->replay != NULL &&
             (o->off != NULL || o->only != NULL || o->scale != 100 || o->fail_at != 0)) {
    why = "--replay says what is off, the scale and what fails itself";
  } else if (o->seed_given && (o->seeds != 0 || o->from != 1)) {
    why = "--seed is one seed; --from and --seeds are many";
  } else if (o->fail_on && o->fail_at == 0) {
    why = "--fail-on needs --fail-at N";
  } else if (o->bench + o->exhaust + o->check_replay > 1) {
    why = "one of --bench, --exhaust and --check-replay at a time";
  } else if (o->exhaust && o->fail_at != 0) {
    why = "--exhaust chooses --fail-at itself";
  }
  for (size_t i = 0; why == NULL && o->exhaust && i < o->scenarios; i++) {
    if ((o->scenario[i]->flags & FOAL_SIM_MEMORY) != 0) continue;
    why = "--exhaust is for scenarios that bear failing allocations";
  }
  if (why != NULL) foal__sim_usage_error(o, "%s", why);
  return why == NULL;
}

bool foal__sim_options_read(foal__sim_options *o, int argc, char **argv,
                            const foal_scenario *const *all)
{
  *o = (foal__sim_options){.all = all, .from = 1, .scale = 100};
  o->program = argc > 0 && argv[0] != NULL ? argv[0] : "foal-sim";
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-' ? !take_option(o, argc, argv, &i)
                          : !take_scenario(o, argv[i])) {
      return false;
    }
  }
  if (!check(o) || !read_names(o)) return false;
  if (o->scenarios == 0) take_all(o);
  if (o->seed_given) o->from = o->seed;
  if (o->seeds == 0) o->seeds = o->seed_given || o->exhaust ? 1 : FOAL__SIM_SEEDS;
  o->base.scale = (uint32_t)o->scale;
  o->base.fail_at = o->fail_at;
  o->base.fail_on = o->fail_on;
  return true;
}

/* ---- the replay line ---- */

void foal__sim_line_write(const foal__sim_unit *unit, char *out)
{
  const foal__sim_config *c = &unit->config;
  size_t at =
      (size_t)snprintf(out, FOAL__SIM_LINE_BYTES, "%s seed=%llu scale=%u",
                       unit->scenario->name, (unsigned long long)c->seed, c->scale);
  for (uint32_t i = 0; i < c->off; i++) {
    at += (size_t)snprintf(out + at, FOAL__SIM_LINE_BYTES - at, "%s%s",
                           i == 0 ? " off=" : ",", c->off_name[i]);
  }
  if (c->fail_at != 0) {
    at += (size_t)snprintf(out + at, FOAL__SIM_LINE_BYTES - at, " fail=%llu%s",
                           (unsigned long long)c->fail_at, c->fail_on ? "+" : "");
  }
  if (unit->steps_max != 0) {
    snprintf(out + at, FOAL__SIM_LINE_BYTES - at, " steps=%u", unit->steps_max);
  }
}

static bool take_word(foal__sim_unit *out, char *word)
{
  char *value = strchr(word, '=');
  if (value == NULL) return false;
  *value++ = '\0';
  if (strcmp(word, "off") == 0) return each_name(value, &out->config, foal__sim_turn_off);
  if (strcmp(word, "fail") == 0 && value[0] != '\0' && value[strlen(value) - 1] == '+') {
    out->config.fail_on = true;
    value[strlen(value) - 1] = '\0';
  }
  uint64_t n;
  if (!read_number(value, &n)) return false;
  if (strcmp(word, "seed") == 0) {
    out->config.seed = n;
  } else if (strcmp(word, "fail") == 0 && n > 0) {
    out->config.fail_at = n;
  } else if (strcmp(word, "scale") == 0 && n >= 1 && n <= 100) {
    out->config.scale = (uint32_t)n;
  } else if (strcmp(word, "steps") == 0 && n >= 1 && n <= UINT32_MAX) {
    out->steps_max = (uint32_t)n;
  } else {
    return false;
  }
  return true;
}

bool foal__sim_line_read(const char *line, const foal_scenario *const *all,
                         foal__sim_unit *out, char why[128])
{
  char copy[FOAL__SIM_LINE_BYTES], *rest = NULL;
  *out = (foal__sim_unit){.config = {.scale = 100}};
  if (strlen(line) >= sizeof copy) {
    snprintf(why, 128, "a replay line of %zu bytes", strlen(line));
    return false;
  }
  memcpy(copy, line, strlen(line) + 1);
  char *word = strtok_r(copy, " \t\r\n", &rest);
  out->scenario = word != NULL ? foal__sim_scenario(all, word) : NULL;
  if (out->scenario == NULL) {
    snprintf(why, 128, "unknown scenario %.60s in the replay line", word ? word : "");
    return false;
  }
  bool seed = false;
  while ((word = strtok_r(NULL, " \t\r\n", &rest)) != NULL) {
    char was[64];
    snprintf(was, sizeof was, "%.63s", word);
    if (!take_word(out, word)) {
      snprintf(why, 128, "not understood in the replay line: %s", was);
      return false;
    }
    seed = seed || strncmp(was, "seed=", 5) == 0;
  }
  if (!seed) snprintf(why, 128, "no seed= in the replay line");
  return seed;
}
