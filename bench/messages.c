/* messages.c - what a message costs: the judge that times the message benchmarks.
 *
 *    messages [--workers N] [--ms N] [--rounds N] [--ops N] [--apart] NAME
 *    messages --list
 *
 * One line per round on standard output, as key=value. First the number of operations
 * is found that takes about --ms milliseconds; one more round of that size warms the
 * pools up; then come the rounds that count. They all run in one runtime, so what they
 * allocate is what the work allocates, not what starting does. The programs in peers/
 * and floor.c take the same arguments and print the same line. */
#include "messages.h"

#include "allocs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 3 }; /* between rounds: actors end, workers park */

static struct {
  const msg_bench *bench;
  uint64_t ms, rounds, ops, silence_ms;
  bool apart;
} args = {.ms = 100, .rounds = 5, .silence_ms = 1500};

static const msg_bench *const tables[] = {msg_talks, msg_crowds, msg_bufs, msg_growth,
                                          msg_edges};
enum { TABLES = sizeof tables / sizeof *tables };

/* ---- clock ---- */

static struct {
  uint64_t began_ns, cpu_ns, allocs;
  foal_counters counters;
} start;

static uint64_t read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t msg_now_ns(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

uint64_t msg_cpu_ns(void)
{
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void msg_start_clock(void)
{
  foal_counters_read(&start.counters);
  start.allocs = allocs_count();
  start.cpu_ns = msg_cpu_ns();
  start.began_ns = msg_now_ns();
}

void msg_fail(const char *what)
{
  fflush(stdout);
  fprintf(stderr, "messages: %s: %s\n", args.bench ? args.bench->name : "?", what);
  _exit(1);
}

static char notes[128];

void msg_note(const char *key, uint64_t value)
{
  size_t used = strlen(notes);
  snprintf(notes + used, sizeof notes - used, " %s=%llu", key, (unsigned long long)value);
}

static int compare(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

uint64_t msg_median(uint64_t *values, size_t count)
{
  qsort(values, count, sizeof *values, compare);
  return values[count / 2];
}

/* Resident bytes now, or the most there ever were. */
static uint64_t resident_bytes(const char *field)
{
  char line[128];
  unsigned long long kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) return 0;
  while (fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, field, strlen(field)) == 0)
      kib = strtoull(line + strlen(field), NULL, 10);
  }
  fclose(f);
  return kib * 1024;
}

/* ---- gate ---- */

typedef struct gate {
  judge_tag judge;
  uint64_t left;
} gate;

FOAL_ACTOR(gate)
FOAL_BEHAVIOUR2(gate, set, judge_tag, judge, uint64_t, arrivals)
FOAL_HANDLE0(gate, arrive)

static void gate_on_set(gate *self, judge_tag judge, uint64_t arrivals)
{
  self->judge = judge;
  self->left = arrivals;
}

static void gate_on_arrive(gate *self)
{
  if (--self->left > 0) return;
  judge_finished(self->judge, msg_now_ns(), 0);
  foal_actor_end(FOAL_ENDED);
}

bool gate_open(gate_tag *out, judge_tag judge, uint64_t arrivals)
{
  if (!gate_spawn(out)) return false;
  gate_set(*out, judge, arrivals);
  return true;
}

/* ---- judge ---- */

typedef struct judge {
  uint64_t ops;
  uint64_t resident; /* before the round */
  uint64_t round;    /* 0: still looking for ops; 1: warming up; 2..: counts */
} judge;

FOAL_ACTOR(judge)
FOAL_TIMER(judge, next)
FOAL_HANDLE2(judge, finished, uint64_t, at_ns, uint64_t, result)

FOAL_TURN static void set_ops(judge *self, uint64_t ops)
{
  const msg_bench *b = args.bench;
  if (b->ops_max > 0 && ops > b->ops_max) ops = b->ops_max;
  if (ops < b->actors) ops = b->actors;
  self->ops = b->round_ops ? b->round_ops(ops) : ops;
}

static void judge_on_next(judge *self)
{
  if (self->ops == 0) set_ops(self, args.ops ? args.ops : args.bench->ops_first);
  msg_round round = {.judge = judge_self(self),
                     .ops = self->ops,
                     .actors = args.bench->actors,
                     .silence_ms = args.silence_ms,
                     .apart = args.apart};
  self->resident = resident_bytes("VmRSS:");
  if (!args.bench->begin(&round)) msg_fail("no memory for its actors");
}

static double value_of(const judge *self, uint64_t elapsed_ns, uint64_t result)
{
  switch (args.bench->value) {
  case MSG_NS_PER_OP:
    return (double)elapsed_ns / (double)self->ops;
  case MSG_NS_RESULT:
    return (double)result;
  case MSG_BYTES_PER_OP:
    return (double)(resident_bytes("VmRSS:") - self->resident) / (double)self->ops;
  }
  return 0;
}

static void report(const judge *self, uint64_t elapsed_ns, uint64_t result)
{
  foal_counters now;
  uint64_t cpu_ns = msg_cpu_ns() - start.cpu_ns;
  uint64_t allocs = allocs_count() - start.allocs;
  foal_counters_read(&now);
  printf(
      "bench=%s unit=%s workers=%u apart=%d ops=%llu elapsed_ns=%llu value=%.3f "
      "cpu_ns=%.3f "
      "allocations=%llu remote=%lld moved=%lld mutes=%lld parks=%lld peak_bytes=%llu%s\n",
      args.bench->name, args.bench->unit, (unsigned)foal_workers(), args.apart,
      (unsigned long long)self->ops, (unsigned long long)elapsed_ns,
      value_of(self, elapsed_ns, result), (double)cpu_ns / (double)self->ops,
      (unsigned long long)allocs,
      (long long)(now.messages_remote - start.counters.messages_remote),
      (long long)(now.actors_moved - start.counters.actors_moved),
      (long long)(now.mutes - start.counters.mutes),
      (long long)(now.parks - start.counters.parks),
      (unsigned long long)resident_bytes("VmHWM:"), notes);
  fflush(stdout);
  notes[0] = '\0';
}

/* Whether the number of operations is found: an eighth of the wanted time is enough to
 * tell. */
FOAL_TURN static bool sized(judge *self, uint64_t elapsed_ns)
{
  uint64_t wanted_ns = args.ms * 1000000, ops = self->ops;
  if (args.ops || args.bench->fixed) return true;
  if (elapsed_ns < wanted_ns / 8) {
    set_ops(self, ops * 4);
  } else {
    set_ops(self, (uint64_t)((double)ops * (double)wanted_ns / (double)elapsed_ns));
    return true;
  }
  return self->ops == ops;
}

static void judge_on_finished(judge *self, uint64_t at_ns, uint64_t result)
{
  const msg_bench *b = args.bench;
  uint64_t elapsed_ns = at_ns - start.began_ns;
  if (b->expected && result != b->expected(self->ops)) msg_fail("a wrong result");
  if (self->round > 1 || b->once) report(self, elapsed_ns, result);
  if (b->after) b->after();
  if (self->round > 0 || sized(self, elapsed_ns)) self->round++;
  if (b->once || self->round > args.rounds + 1) {
    foal_actor_end(FOAL_ENDED);
    return;
  }
  judge_next_after(self, PAUSE_MS);
}

/* ---- command line ---- */

static const msg_bench *bench_named(const char *name)
{
  for (int t = 0; t < TABLES; t++) {
    for (const msg_bench *b = tables[t]; b->name; b++) {
      if (strcmp(b->name, name) == 0) return b;
    }
  }
  return NULL;
}

static const char *places_of(const msg_bench *b)
{
  return b->places ? b->places : "1,2";
}

/* One line per benchmark. */
static int list(void)
{
  for (int t = 0; t < TABLES; t++) {
    for (const msg_bench *b = tables[t]; b->name; b++)
      printf("bench=%s places=%s fixed=%d\n", b->name, places_of(b), b->fixed || b->once);
  }
  return 0;
}

static int usage(void)
{
  fputs("usage: messages [--workers N] [--ms N] [--rounds N] [--ops N] [--silence-ms N] "
        "[--apart] NAME | --list\n",
        stderr);
  return 2;
}

static bool read_number(const char *text, uint64_t *out)
{
  char *end = NULL;
  *out = text ? strtoull(text, &end, 10) : 0;
  return *out > 0 && *end == '\0' && *out <= 1000000000;
}

int main(int argc, char **argv)
{
  uint64_t workers = 1;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--list") == 0) return list();
    if (strcmp(argv[i], "--apart") == 0) {
      args.apart = true;
      continue;
    }
    uint64_t *number = strcmp(argv[i], "--workers") == 0      ? &workers
                       : strcmp(argv[i], "--ms") == 0         ? &args.ms
                       : strcmp(argv[i], "--rounds") == 0     ? &args.rounds
                       : strcmp(argv[i], "--ops") == 0        ? &args.ops
                       : strcmp(argv[i], "--silence-ms") == 0 ? &args.silence_ms
                                                              : NULL;
    if (number == NULL && args.bench == NULL &&
        (args.bench = bench_named(argv[i])) != NULL)
      continue;
    if (number == NULL || !read_number(argv[++i], number)) return usage();
  }
  if (args.bench == NULL || workers > FOAL_WORKERS_MAX) return usage();
  if (args.apart && (!strstr(places_of(args.bench), "apart") || workers < 2))
    return usage();
  foal_options options = {.workers = (uint32_t)workers};
  judge_tag tag;
  if (foal_start(&options) != FOAL_OK || !judge_spawn_pinned(&tag, 0))
    msg_fail("cannot start");
  judge_next(tag);
  return foal_run();
}
