/* child.c - a process that makes runs. See impl/child.h.
 *
 * A run that fails ends its process, in one of many ways; where a story is wanted, every
 * one of them goes through `tell`. The parent never waits without looking. */
#include "impl/child.h"

#include "impl/engine.h"
#include "impl/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  LAST_WORDS_S = 3,   /* to tell the story after SIGABRT */
  HEARTBEAT_MS = 250, /* of CPU time */
  PRINT_BYTES_MAX = 8 << 20,
  ALT_STACK_BYTES = 256 << 10,
};

/* ---- the child's side ---- */

static foal__sim_slot *own_slot;
static const foal__sim_try *own_try;
static FILE *parents_output;
static volatile sig_atomic_t told;

static void heartbeat(int sig)
{
  (void)sig;
  own_slot->steps = foal__sim_steps();
}

/* Once, whatever the way out is. */
static void tell(void)
{
  if (told || own_try == NULL) return;
  told = 1;
  if (!own_slot->result.finished && !own_slot->result.failed) {
    own_slot->result.steps = foal__sim_steps();
  }
  const char *names[FOAL__SIM_PLACES_MAX];
  own_slot->places = (uint32_t)foal__sim_places(names, FOAL__SIM_PLACES_MAX);
  for (uint32_t i = 0; i < own_slot->places; i++) {
    snprintf(own_slot->place[i], FOAL__SIM_WORD_BYTES, "%s", names[i]);
  }
  if (own_try->then != NULL) own_try->then(own_slot, parents_output, own_try->arg);
  fflush(parents_output);
}

static void tell_failure(const foal__sim_result *result)
{
  (void)result;
  tell();
}

static void tell_crash(int sig)
{
  signal(sig, SIG_DFL);
  tell();
  raise(sig);
}

/* Sanitizers end the process in their own way. With gcc there may be two of them, each in
 * a library of its own. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static bool tell_sanitizers(void)
{
  if (__sanitizer_set_death_callback == NULL) return false;
  __sanitizer_set_death_callback(tell);
  void *second = dlopen("libubsan.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void *symbol = second != NULL ? dlsym(second, "__sanitizer_set_death_callback") : NULL;
  if (symbol == NULL) return true;
  void (*set)(void (*)(void));
  memcpy(&set, &symbol, sizeof set);
  set(tell);
  return true;
}

static void on_signal(int sig, void (*handler)(int))
{
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(sig, &action, NULL);
}

/* Fibers have small stacks, and may have used them up. */
static void use_alt_stack(void)
{
  static _Alignas(64) char bytes[ALT_STACK_BYTES];
  stack_t stack = {.ss_sp = bytes, .ss_size = sizeof bytes};
  if (sigaltstack(&stack, NULL) != 0) abort();
}

static void tell_in_any_case(void)
{
  foal__sim_on_failure(tell_failure);
  on_signal(SIGABRT, tell_crash);
  if (tell_sanitizers()) return;
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
    on_signal(crashes[i], tell_crash);
  }
}

static void settle(const foal__sim_child *c)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  if (own_try == NULL) {
    /* A scenario that prints without end must not fill the memory. */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){PRINT_BYTES_MAX, PRINT_BYTES_MAX});
  }
  parents_output = fdopen(dup(STDOUT_FILENO), "w");
  if (parents_output == NULL || dup2(c->output, STDOUT_FILENO) < 0 ||
      dup2(c->output, STDERR_FILENO) < 0) {
    abort();
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  use_alt_stack();
  on_signal(SIGPROF, heartbeat);
  struct timeval beat = {.tv_usec = HEARTBEAT_MS * 1000};
  setitimer(ITIMER_PROF, &(struct itimerval){beat, beat}, NULL);
}

static void count_marks(foal__sim_slot *slot, const foal_scenario *scenario)
{
  static const foal_scenario *last;
  static uint64_t counted[FOAL__SIM_MARKS_MAX];
  if (scenario->marks == NULL) return;
  if (scenario != last) memset(counted, 0, sizeof counted);
  last = scenario;
  for (uint32_t i = 0; i < FOAL__SIM_MARKS_MAX && scenario->marks[i] != NULL; i++) {
    uint64_t met = foal__sim_marks(scenario->marks[i]);
    slot->totals.mark[i] += met - counted[i];
    counted[i] = met;
  }
}

static uint64_t mixed(uint64_t x)
{
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static void add(foal__sim_slot *slot, const foal__sim_unit *unit)
{
  const foal__sim_result *r = &slot->result;
  slot->totals.runs++;
  slot->totals.steps += r->steps;
  slot->totals.bytes += r->wire_bytes;
  slot->totals.connections += r->connections;
  slot->totals.virtual_ns += r->virtual_ns;
  uint64_t name = 0;
  for (const char *c = unit->scenario->name; *c != '\0'; c++) {
    name = mixed(name + (unsigned char)*c);
  }
  /* A sum: the order of the runs makes no difference. */
  slot->totals.hash += mixed(r->hash ^ mixed(unit->config.seed ^ name));
}

/* A scenario is known by its address: it keeps one, also with another end. */
static const foal_scenario *ending_at(const foal_scenario *scenario, uint32_t steps_max)
{
  static struct {
    const foal_scenario *of;
    foal_scenario copy;
  } known[FOAL__SIM_SCENARIOS_MAX];
  if (steps_max == 0) return scenario;
  size_t i = 0;
  while (known[i].of != scenario && known[i].of != NULL) i++;
  known[i].of = scenario;
  known[i].copy = *scenario;
  known[i].copy.steps_max = steps_max;
  return &known[i].copy;
}

void foal__sim_child_run(foal__sim_slot *slot, const foal__sim_unit *unit)
{
  slot->now = *unit;
  slot->steps = 0;
  memset(&slot->result, 0, sizeof slot->result);
  if (lseek(STDERR_FILENO, 0, SEEK_CUR) > 0 && ftruncate(STDERR_FILENO, 0) == 0) {
    lseek(STDERR_FILENO, 0, SEEK_SET);
  }
  slot->busy = true;
  foal__sim_run(ending_at(unit->scenario, unit->steps_max), &slot->now.config,
                &slot->result);
  slot->busy = false;
  count_marks(slot, unit->scenario);
  add(slot, unit);
}

/* ---- the parent's side ---- */

double foal__sim_wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void *foal__sim_shared(size_t bytes)
{
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) abort();
  return p;
}

void foal__sim_unshared(void *p, size_t bytes)
{
  munmap(p, bytes);
}

static void block_child_signal(sigset_t *set)
{
  sigemptyset(set);
  sigaddset(set, SIGCHLD);
  sigprocmask(SIG_BLOCK, set, NULL);
}

void foal__sim_children_wait(uint32_t ms)
{
  sigset_t set;
  block_child_signal(&set);
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  sigtimedwait(&set, NULL, &time);
}

void foal__sim_child_open(foal__sim_child *c, uint32_t hang_s)
{
  *c = (foal__sim_child){.slot = foal__sim_shared(sizeof *c->slot), .hang_s = hang_s};
  c->output = memfd_create("output", MFD_CLOEXEC);
  if (c->output < 0) abort();
}

void foal__sim_child_close(foal__sim_child *c)
{
  foal__sim_child_kill(c);
  foal__sim_unshared(c->slot, sizeof *c->slot);
  close(c->output);
}

void foal__sim_child_start(foal__sim_child *c, void (*body)(foal__sim_slot *, void *),
                           void *arg)
{
  sigset_t set;
  block_child_signal(&set);
  fflush(NULL);
  if (ftruncate(c->output, 0) != 0) abort();
  lseek(c->output, 0, SEEK_SET);
  c->hangs = false;
  c->slot->busy = false;
  c->cpu_s = 0;
  c->wall_s = foal__sim_wall_s();
  c->pid = fork();
  if (c->pid < 0) {
    fprintf(stderr, "no more processes: %s\n", strerror(errno));
    exit(2);
  }
  if (c->pid > 0) return;
  own_slot = c->slot;
  settle(c);
  body(c->slot, arg);
  exit(0);
}

/* CPU time of a process that has not been waited for. */
static double cpu_of(pid_t pid)
{
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double foal__sim_child_cpu_s(const foal__sim_child *c)
{
  return c->all_cpu_s + (c->pid > 0 ? cpu_of(c->pid) : 0);
}

void foal__sim_child_watch(foal__sim_child *c)
{
  if (c->pid == 0) return;
  double cpu_s = cpu_of(c->pid), wall_s = foal__sim_wall_s();
  uint64_t unit = c->slot->unit, steps = c->slot->steps;
  if (!c->hangs && (unit != c->unit || steps != c->steps)) {
    c->unit = unit;
    c->steps = steps;
    c->cpu_s = cpu_s;
    c->wall_s = wall_s;
  } else if (c->hangs) {
    if (wall_s - c->wall_s > (double)LAST_WORDS_S) kill(c->pid, SIGKILL);
  } else if (cpu_s - c->cpu_s > c->hang_s ||
             wall_s - c->wall_s > (double)FOAL__SIM_BLOCKED_S) {
    c->hangs = true;
    c->wall_s = wall_s;
    kill(c->pid, SIGABRT);
  }
}

void foal__sim_child_kill(foal__sim_child *c)
{
  if (c->pid == 0) return;
  kill(c->pid, SIGKILL);
  waitpid(c->pid, NULL, 0);
  c->pid = 0;
}

bool foal__sim_child_died(foal__sim_child *c, foal__sim_verdict *out)
{
  int status;
  struct rusage usage;
  out->failed = false;
  if (c->pid == 0 || wait4(c->pid, &status, WNOHANG, &usage) != c->pid) return false;
  c->pid = 0;
  c->all_cpu_s += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                  (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  const foal__sim_slot *slot = c->slot;
  out->unit = slot->now;
  out->result = slot->result;
  out->on = slot->on;
  out->places = slot->places;
  memcpy(out->place, slot->place, sizeof out->place);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !slot->busy) return true;
  foal__sim_verdict_judge(out, c, status);
  return true;
}

/* ---- a single run ---- */

typedef struct trial {
  const foal__sim_unit *unit;
  const foal__sim_try *how;
} trial;

static bool bears(const foal_scenario *scenario, foal__sim_switch which)
{
  unsigned needs = 0;
  if (which == FOAL__SIM_W_memory) needs = FOAL_SIM_MEMORY;
  if (which == FOAL__SIM_W_signal) needs = FOAL_SIM_STOPS;
  if (which == FOAL__SIM_W_flip || which == FOAL__SIM_W_insert) needs = FOAL_SIM_CORRUPTS;
  return (scenario->flags & needs) == needs;
}

static void one_run(foal__sim_slot *slot, void *arg)
{
  const trial *t = arg;
  own_try = t->how;
  const foal__sim_config *config = &t->unit->config;
  foal__sim_draw_begin(config, UINT64_MAX);
  for (uint32_t i = 0; i < FOAL__SIM_SWITCHES; i++) {
    foal__sim_switch which = (foal__sim_switch)i;
    if (bears(t->unit->scenario, which) && foal__sim_on(which)) {
      slot->on |= UINT64_C(1) << i;
    }
  }
  tell_in_any_case();
  foal__sim_story_begin(t->how->telling);
  foal__sim_child_run(slot, t->unit);
  tell();
}

void foal__sim_try_unit(const foal__sim_unit *unit, const foal__sim_try *how,
                        foal__sim_verdict *out)
{
  foal__sim_child child;
  trial t = {unit, how};
  *out = (foal__sim_verdict){.failed = false};
  foal__sim_child_open(&child, how->hang_s != 0 ? how->hang_s : FOAL__SIM_HANG_S);
  foal__sim_child_start(&child, one_run, &t);
  while (!foal__sim_child_died(&child, out)) {
    foal__sim_children_wait(500);
    foal__sim_child_watch(&child);
  }
  foal__sim_child_close(&child);
}
