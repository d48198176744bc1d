/* load_stat.c - latencies in a log-linear histogram, CPU times and memory from the
 * kernel. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = LOAD_STEPS, STEP_BITS = 7 };

static uint64_t nanoseconds(clockid_t id)
{
  struct timespec t = {0};
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t load_clock_ns(void)
{
  return nanoseconds(CLOCK_MONOTONIC);
}

void load_die(const char *what)
{
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* ---- latencies ---- */

void load_times_clear(load_times *t)
{
  memset(t, 0, sizeof *t);
}

void load_times_add(load_times *t, uint64_t ns)
{
  unsigned octave = ns < STEPS ? 0 : (unsigned)(63 - __builtin_clzll(ns)) - STEP_BITS + 1;
  unsigned step =
      octave > 0 ? (unsigned)(ns >> (octave - 1)) & (STEPS - 1) : (unsigned)ns;
  t->counts[octave * STEPS + step]++;
  t->total++;
}

double load_times_us(const load_times *t, double percent)
{
  uint64_t rank = (uint64_t)((double)t->total * percent / 100), seen = 0;
  if (t->total == 0) return 0;
  if (rank >= t->total) rank = t->total - 1;
  for (unsigned i = 0; i < LOAD_OCTAVES * STEPS; i++) {
    seen += t->counts[i];
    if (seen <= rank) continue;
    unsigned octave = i / STEPS, step = i % STEPS;
    uint64_t ns = octave > 0 ? (uint64_t)(STEPS + step) << (octave - 1) : step;
    return (double)ns / 1000;
  }
  return 0;
}

/* ---- CPU and memory ---- */

double load_cpu_servers(void)
{
  uint64_t sum_ns = 0;
  for (uint32_t i = 0; i < load_opt.pid_count; i++) {
    clockid_t id;
    if (clock_getcpuclockid(load_opt.pids[i], &id) == 0) sum_ns += nanoseconds(id);
  }
  return (double)sum_ns / 1e9;
}

double load_memory_servers(void)
{
  double sum_kib = 0;
  for (uint32_t i = 0; i < load_opt.pid_count; i++) {
    char line[128];
    unsigned long kib;
    snprintf(line, sizeof line, "/proc/%d/smaps_rollup", (int)load_opt.pids[i]);
    FILE *f = fopen(line, "r");
    while (f && fgets(line, sizeof line, f)) {
      if (sscanf(line, "Pss_Anon: %lu", &kib) == 1 ||
          sscanf(line, "Pss_Shmem: %lu", &kib) == 1)
        sum_kib += (double)kib;
    }
    if (f) fclose(f);
  }
  return sum_kib * 1024;
}

double load_cpu_self(void)
{
  return (double)nanoseconds(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
}

double load_cpu_machine(void)
{
  unsigned long long user = 0, nice = 0, kernel = 0, idle = 0, wait = 0, irq = 0,
                     soft = 0;
  FILE *f = fopen("/proc/stat", "r");
  if (f == NULL) return 0;
  int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &kernel,
                 &idle, &wait, &irq, &soft);
  fclose(f);
  if (n != 7) return 0;
  return (double)(user + nice + kernel + irq + soft) / (double)sysconf(_SC_CLK_TCK);
}
