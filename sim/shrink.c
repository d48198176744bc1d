/* shrink.c - looks for a smaller run that fails in the same way.
 *
 * Smaller means: fewer kinds of trouble, and less to do. Each step is a run of its own;
 * one is taken when it fails with the same kind of reason, whatever else it does. */
#include "impl/shrink.h"

#include <stdlib.h>
#include <string.h>

enum { TIME_S = 60, HANG_S = 5, NAMES_MAX = FOAL__SIM_SWITCHES + FOAL__SIM_PLACES_MAX };

typedef struct search {
  foal__sim_verdict *best;
  double until_s;
  uint32_t tried;
} search;

static bool in_time(const search *s)
{
  return foal__sim_wall_s() < s->until_s;
}

/* Takes the unit when it fails in the same way. */
static bool take_if_same(search *s, const foal__sim_unit *unit)
{
  foal__sim_verdict *v = malloc(sizeof *v);
  if (v == NULL) abort();
  foal__sim_try_unit(unit, &(foal__sim_try){.hang_s = HANG_S}, v);
  s->tried++;
  bool same = v->failed && strcmp(v->kind, s->best->kind) == 0;
  if (same) {
    foal__sim_verdict_free(s->best);
    *s->best = *v;
  } else {
    foal__sim_verdict_free(v);
  }
  free(v);
  return same;
}

/* What this run has and could do without. */
static uint32_t names_on(const foal__sim_verdict *v, const char *names[NAMES_MAX])
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < FOAL__SIM_SWITCHES; i++) {
    if ((v->on >> i & 1) != 0) names[n++] = foal__sim_switch_name((foal__sim_switch)i);
  }
  for (uint32_t i = 0; i < v->places; i++) {
    if (!foal__sim_is_off(&v->unit.config, v->place[i])) names[n++] = v->place[i];
  }
  return n;
}

static bool take_without(search *s, const char *const *names, uint32_t n)
{
  foal__sim_unit unit = s->best->unit;
  for (uint32_t i = 0; i < n; i++) foal__sim_turn_off(&unit.config, names[i]);
  return unit.config.off > s->best->unit.config.off && take_if_same(s, &unit);
}

/* All, then halves, and so on to single ones. */
static bool take_fewer(search *s)
{
  const char *names[NAMES_MAX];
  char kept[NAMES_MAX][FOAL__SIM_WORD_BYTES];
  uint32_t n = names_on(s->best, names);
  bool any = false;
  /* The names of places lie in the verdict, which is replaced. */
  for (uint32_t i = 0; i < n; i++) {
    snprintf(kept[i], sizeof kept[i], "%s", names[i]);
    names[i] = kept[i];
  }
  for (uint32_t size = n; size > 0; size /= 2) {
    for (uint32_t at = 0; at < n && in_time(s);) {
      uint32_t part = size < n - at ? size : n - at;
      if (!take_without(s, names + at, part)) {
        at += part;
        continue;
      }
      any = true;
      n -= part;
      memmove(names + at, names + at + part, (n - at) * sizeof names[0]);
    }
  }
  return any;
}

static bool take_less(search *s)
{
  bool any = false;
  while (s->best->unit.config.scale > 1 && in_time(s)) {
    foal__sim_unit unit = s->best->unit;
    unit.config.scale /= 2;
    if (!take_if_same(s, &unit)) break;
    any = true;
  }
  if (s->best->unit.config.fail_on && in_time(s)) {
    foal__sim_unit unit = s->best->unit;
    unit.config.fail_on = false;
    any = take_if_same(s, &unit) || any;
  }
  return any;
}

bool foal__sim_shrink(foal__sim_verdict *verdict)
{
  search s = {verdict, foal__sim_wall_s() + (double)TIME_S, 0};
  foal__sim_unit unit = verdict->unit;
  /* Again, to learn what it has; what fails by chance cannot be made smaller. */
  if (!take_if_same(&s, &unit)) {
    printf("not made smaller: alone it does not fail in the same way\n");
    return false;
  }
  unsigned long long before = verdict->result.steps;
  bool more = true;
  while (more && in_time(&s)) {
    more = take_fewer(&s);
    more = take_less(&s) || more;
  }
  printf("made smaller in %u runs: %llu steps, before %llu\n", s.tried,
         (unsigned long long)verdict->result.steps, before);
  return true;
}
