/* run.c - one run: a world is made, the scenario plays in it, and nothing may be left.
 *
 * Everything that a run depends on is set up here, in one order, from the configuration;
 * nothing survives from the run before it but caches whose contents cannot be seen. */
#include "impl/run.h"

#include "../runtime/impl/assert.h"
#include "../runtime/log.h"
#include "impl/engine.h"
#include "impl/trace.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  STEPS_MAX = 4000000,
  CALM_STEPS_MIN = 200,
  CALM_STEPS_MAX = 40000,
  WORKERS_MAX = 4,
  SMALL_MAILBOX_MAX = 64,
  DRAIN_MS_MAX = 20000,
  SPIN_US_MAX = 50,
  MARKS_MAX = 256,
  PREPARED_MAX = 64,
};

static const foal_scenario *scenario;
static foal__sim_result *result;
static void (*on_failure)(const foal__sim_result *result);
static bool signalled;
static int status;
static struct {
  const char *name;
  uint64_t times;
} marks[MARKS_MAX];
static size_t marks_count;

/* ---- failing ---- */

void foal__sim_on_failure(void (*hook)(const foal__sim_result *result))
{
  on_failure = hook;
}

void foal__sim_progress(void)
{
  result->hash = foal__sim_hash_value();
  result->steps = foal__sim_steps();
  result->wire_bytes = foal__sim_net_bytes();
  result->connections = foal__sim_net_connections();
  result->virtual_ns = foal__sim_now_ns();
  result->allocs = foal__sim_alloc_count();
}

static _Noreturn void fail(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));
static _Noreturn void fail(const char *format, va_list args)
{
  foal__sim_points = INT64_MAX;
  if (result == NULL) {
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    _exit(FOAL__SIM_STATUS_FAILED);
  }
  (void)vsnprintf(result->why, sizeof result->why, format, args);
  foal__sim_progress();
  result->failed = true;
  if (on_failure != NULL) on_failure(result);
  /* No handlers: they belong to a program whose state is not what they expect. */
  (void)fflush(stdout);
  _exit(FOAL__SIM_STATUS_FAILED);
}

void foal__sim_fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fail(format, args);
}

void foal_sim_fail(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  fail(format, args);
}

/* ---- small services ---- */

void foal_sim_note(const char *format, ...)
{
  if (!foal__sim_telling) return;
  foal__sim_entry entry = {.kind = FOAL__SIM_NOTE};
  va_list args;
  va_start(args, format);
  (void)vsnprintf(entry.text, sizeof entry.text, format, args);
  va_end(args);
  foal__sim_tell(&entry);
}

void foal_sim_mark(const char *name)
{
  size_t i = 0;
  while (i < marks_count && strcmp(marks[i].name, name) != 0) i++;
  foal_assert(i < MARKS_MAX);
  if (i == marks_count) marks[marks_count++].name = name;
  marks[i].times++;
}

uint64_t foal__sim_marks(const char *name)
{
  for (size_t i = 0; i < marks_count; i++) {
    if (strcmp(marks[i].name, name) == 0) return marks[i].times;
  }
  return 0;
}

int foal_sim_status(void)
{
  return status;
}

uint64_t foal_sim_now_ms(void)
{
  return foal__sim_now_ns() / 1000000;
}

void foal_sim_pause(void)
{
  foal__sim_relax();
}

bool foal__sim_may_stop(void)
{
  return (scenario->flags & FOAL_SIM_STOPS) != 0;
}

static void to_story(foal_log_level level, const char *line)
{
  (void)level;
  foal__sim_entry entry = {.kind = FOAL__SIM_LOG};
  (void)snprintf(entry.text, sizeof entry.text, "%s", line);
  foal__sim_tell(&entry);
}

/* Only listeners are left: a server that has nothing to do is told to end. */
static bool end_what_listens(void)
{
  if (signalled || !foal__sim_net_quiet()) return false;
  signalled = true;
  return foal__sim_signal(SIGTERM);
}

/* ---- guests ---- */

enum { GUESTS_MAX = 16 };
static foal__sim_fiber *guests[GUESTS_MAX];
static uint32_t guests_count;

void foal_sim_thread(void (*run)(void *arg), void *arg)
{
  foal_assert(guests_count < GUESTS_MAX);
  guests[guests_count++] = foal__sim_fiber_new("thread", run, arg);
}

static void join_guests(void)
{
  for (uint32_t i = 0; i < guests_count; i++) foal__sim_fiber_join(guests[i]);
  guests_count = 0;
}

/* ---- the run ---- */

static uint64_t borne(void)
{
  uint64_t all = (UINT64_C(1) << FOAL__SIM_SWITCHES) - 1;
  if ((scenario->flags & FOAL_SIM_MEMORY) == 0)
    all &= ~(UINT64_C(1) << FOAL__SIM_W_memory);
  if ((scenario->flags & FOAL_SIM_STOPS) == 0)
    all &= ~(UINT64_C(1) << FOAL__SIM_W_signal);
  if ((scenario->flags & FOAL_SIM_CORRUPTS) == 0) {
    all &= ~(UINT64_C(1) << FOAL__SIM_W_flip);
    all &= ~(UINT64_C(1) << FOAL__SIM_W_insert);
  }
  return all;
}

static uint32_t drawn(uint32_t given, uint32_t value)
{
  return given != 0 ? given : value;
}

/* Draws all, in any case: what a scenario fixes must not shift the rest. */
static foal_options options(void)
{
  foal_options o = scenario->options;
  uint32_t workers = 1 + foal__sim_draw(FOAL__SIM_S_setup, WORKERS_MAX);
  uint32_t mailbox = 1 + foal__sim_draw(FOAL__SIM_S_setup, SMALL_MAILBOX_MAX);
  uint32_t drain_ms = foal__sim_some(FOAL__SIM_S_setup, DRAIN_MS_MAX);
  uint32_t spin_us = 1 + foal__sim_draw(FOAL__SIM_S_setup, SPIN_US_MAX);
  bool spins = foal__sim_draw(FOAL__SIM_S_setup, 8) == 0;
  o.workers = drawn(o.workers, workers);
  if (foal__sim_on(FOAL__SIM_W_small_mailbox))
    o.mailbox_messages = drawn(o.mailbox_messages, mailbox);
  o.drain_ms = drawn(o.drain_ms, drain_ms);
  if (spins) o.spin_us = drawn(o.spin_us, spin_us);
  return o;
}

static void prepare(void)
{
  static const foal_scenario *prepared[PREPARED_MAX];
  static const foal__sim_config fixed = {.seed = 1, .scale = 100};
  if (scenario->prepare == NULL) return;
  size_t i = 0;
  while (i < PREPARED_MAX && prepared[i] != NULL && prepared[i] != scenario) i++;
  foal_assert(i < PREPARED_MAX);
  if (prepared[i] == scenario) return;
  prepared[i] = scenario;
  foal__sim_draw_begin(&fixed, 0);
  foal__sim_alloc_begin(&fixed);
  foal__sim_clock_begin(true);
  scenario->prepare();
  if (foal__sim_alloc_live() != 0) foal__sim_fail("left over by `prepare`: memory");
}

static void begin(const foal__sim_config *config)
{
  foal__sim_draw_begin(config, borne());
  foal__sim_story_begin(foal__sim_telling);
  foal__sim_alloc_begin(config);
  foal__sim_clock_begin(true);
  uint32_t calm = CALM_STEPS_MIN + foal__sim_some(FOAL__SIM_S_setup, CALM_STEPS_MAX);
  uint32_t steps_max = scenario->steps_max != 0 ? scenario->steps_max : STEPS_MAX;
  foal__sim_engine_begin(calm, steps_max, (scenario->flags & FOAL_SIM_FINE) != 0);
  foal__sim_engine_on_quiet(end_what_listens);
  foal__sim_net_begin();
  signalled = false;
  foal_log_sink(to_story);
  foal_log_threshold(foal__sim_telling ? FOAL_LOG_DEBUG : FOAL_LOG_ERROR);
}

static void play(void)
{
  foal_options o = options();
  foal_err err = foal_start(&o);
  bool poor = (scenario->flags & FOAL_SIM_MEMORY) != 0;
  if (err == FOAL_NO_MEMORY && poor) return;
  if (err != FOAL_OK) foal__sim_fail("foal_start: %s", foal_err_text(err));
  foal__sim_probes_begin();
  if (!scenario->start()) foal_stop(0);
  status = foal_run();
  join_guests();
  foal__sim_audit_end();
  if (scenario->check != NULL) scenario->check();
}

static void end(void)
{
  foal__sim_net_end();
  if (foal__sim_alloc_live() != 0)
    foal__sim_fail("left over: %zu pieces of memory", foal__sim_alloc_live());
  foal__sim_progress();
  foal__sim_engine_end();
  foal__sim_clock_begin(false);
}

void foal__sim_run(const foal_scenario *which, const foal__sim_config *config,
                   foal__sim_result *out)
{
  foal_assert(which != NULL && which->start != NULL && config != NULL && out != NULL);
  memset(out, 0, sizeof *out);
  scenario = which;
  result = out;
  result->begun = true;
  foal__sim_tls_begin();
  prepare();
  begin(config);
  play();
  end();
  result->finished = true;
}
