/* floor.c - what the machine itself takes: no actors, no library.
 *
 *    floor [--ms N] [--rounds N] [--ops N] [--silence-ms N] NAME
 *    floor --list
 *    floor --tick N [--silence-ms N]
 *
 * The same arguments and lines as messages.c, for the figures that depend on the machine
 * more than on whoever runs on it:
 *
 *   growth-N, growth-random-N   walks over N nodes of two lines each, touching both, as a
 *                               message touches an actor; the next is known only there
 *   silence                     a thread sleeps in epoll, another one writes to its
 *                               eventfd after 1.5 s
 *
 * --tick N is a helper of the peers, whose sleepers cannot be woken by a foreign thread:
 * after each silence it writes a line with the time, CLOCK_REALTIME in nanoseconds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { SILENCES_MAX = 64 };

static struct {
  uint64_t ms, rounds, ops, silence_ms, workers, tick;
  const char *name;
} args = {.ms = 100, .rounds = 5, .silence_ms = 1500, .workers = 1};

static void fail(const char *what)
{
  fflush(stdout);
  fprintf(stderr, "floor: %s\n", what);
  _exit(1);
}

static uint64_t read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_ms(uint64_t ms)
{
  struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
  nanosleep(&t, NULL);
}

static uint64_t peak_bytes(void)
{
  char line[128];
  unsigned long long kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) return 0;
  while (fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) kib = strtoull(line + 6, NULL, 10);
  }
  fclose(f);
  return kib * 1024;
}

/* ---- growth ---- */

typedef struct spot {
  _Alignas(128) uint64_t visits;
  _Alignas(64) struct spot *next;
} spot;
_Static_assert(sizeof(spot) == 128, "two lines");

static void link_spots(spot *spots, uint64_t count, bool random)
{
  uint64_t *order = malloc(count * sizeof *order), seed = 0x9E3779B97F4A7C15u;
  if (order == NULL) fail("no memory");
  for (uint64_t i = 0; i < count; i++) order[i] = i;
  for (uint64_t i = count - 1; random && i > 0; i--) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    uint64_t k = seed % (i + 1), t = order[i];
    order[i] = order[k];
    order[k] = t;
  }
  for (uint64_t i = 0; i < count; i++)
    spots[order[i]] = (spot){0, &spots[order[(i + 1) % count]]};
  free(order);
}

static uint64_t walk(spot *s, uint64_t hops)
{
  uint64_t began_ns = read_clock(CLOCK_MONOTONIC);
  for (uint64_t i = 0; i < hops; i++) {
    s->visits++;
    s = s->next;
  }
  __asm__ volatile("" : : "r"(s));
  return read_clock(CLOCK_MONOTONIC) - began_ns;
}

static void report_walk(uint64_t hops, uint64_t elapsed_ns)
{
  double ns = (double)elapsed_ns / (double)hops;
  printf("bench=%s unit=message workers=1 apart=0 ops=%llu elapsed_ns=%llu value=%.3f "
         "cpu_ns=%.3f peak_bytes=%llu\n",
         args.name, (unsigned long long)hops, (unsigned long long)elapsed_ns, ns, ns,
         (unsigned long long)peak_bytes());
}

static void growth(uint64_t count, bool random)
{
  uint64_t hops = args.ops ? args.ops : 1000000, elapsed_ns;
  spot *spots = aligned_alloc(128, count * sizeof *spots);
  if (spots == NULL) fail("no memory");
  link_spots(spots, count, random);
  if (hops < count) hops = count;
  elapsed_ns = walk(spots, hops);
  if (!args.ops) {
    hops = (uint64_t)((double)hops * (double)args.ms * 1e6 / (double)(elapsed_ns + 1));
    if (hops < count) hops = count;
  }
  for (uint64_t i = 0; i < args.rounds; i++) report_walk(hops, walk(spots, hops));
  free(spots);
}

/* ---- silence ---- */

static struct {
  int epoll, event;
  sem_t ran;
  _Atomic(uint64_t) sent_ns;
  uint64_t count;
  uint64_t took_ns[SILENCES_MAX];
} calm;

static void *doze(void *unused)
{
  (void)unused;
  for (uint64_t i = 0; i < calm.count; i++) {
    struct epoll_event e;
    uint64_t value;
    if (epoll_wait(calm.epoll, &e, 1, -1) != 1) fail("epoll_wait");
    if (read(calm.event, &value, sizeof value) != sizeof value) fail("read");
    calm.took_ns[i] = read_clock(CLOCK_MONOTONIC) - calm.sent_ns;
    sem_post(&calm.ran);
  }
  return NULL;
}

static int compare(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void report_silence(uint64_t cpu_ns)
{
  qsort(calm.took_ns, calm.count, sizeof *calm.took_ns, compare);
  printf("bench=silence unit=wake-up workers=1 apart=0 ops=%llu value=%llu cpu_ns=%llu "
         "peak_bytes=%llu worst_ns=%llu idle_cpu_ns=0\n",
         (unsigned long long)calm.count, (unsigned long long)calm.took_ns[calm.count / 2],
         (unsigned long long)(cpu_ns / calm.count), (unsigned long long)peak_bytes(),
         (unsigned long long)calm.took_ns[calm.count - 1]);
}

/* Of all threads but this one, which wakes the other. */
static uint64_t cpu_of_sleeper_ns(void)
{
  uint64_t own_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
  return read_clock(CLOCK_PROCESS_CPUTIME_ID) - own_ns;
}

static void silence(void)
{
  pthread_t thread = 0;
  struct epoll_event e = {.events = EPOLLIN};
  uint64_t one = 1;
  calm.count = args.ops ? args.ops : 3;
  if (calm.count > SILENCES_MAX) calm.count = SILENCES_MAX;
  calm.epoll = epoll_create1(0);
  calm.event = eventfd(0, EFD_NONBLOCK);
  if (calm.epoll < 0 || calm.event < 0 || sem_init(&calm.ran, 0, 0) != 0 ||
      epoll_ctl(calm.epoll, EPOLL_CTL_ADD, calm.event, &e) != 0 ||
      pthread_create(&thread, NULL, doze, NULL) != 0)
    fail("cannot set up");
  uint64_t cpu_ns = cpu_of_sleeper_ns();
  for (uint64_t i = 0; i < calm.count; i++) {
    sleep_ms(args.silence_ms);
    calm.sent_ns = read_clock(CLOCK_MONOTONIC);
    if (write(calm.event, &one, sizeof one) != sizeof one) fail("write");
    sem_wait(&calm.ran);
  }
  pthread_join(thread, NULL);
  report_silence(cpu_of_sleeper_ns() - cpu_ns);
}

/* For as long as somebody reads. */
static void tick(void)
{
  for (uint64_t i = 0; i < args.tick; i++) {
    sleep_ms(args.silence_ms);
    printf("%llu\n", (unsigned long long)read_clock(CLOCK_REALTIME));
    if (fflush(stdout) != 0) return;
  }
}

/* ---- command line ---- */

static int list(void)
{
  for (uint64_t n = 10; n <= 1000000; n *= 10) {
    printf("bench=growth-%llu places=1 fixed=0\n", (unsigned long long)n);
    printf("bench=growth-random-%llu places=1 fixed=0\n", (unsigned long long)n);
  }
  printf("bench=silence places=1 fixed=1\n");
  return 0;
}

/* The number behind the prefix; 0: it does not begin so, or ends otherwise. */
static uint64_t number_behind(const char *text, const char *prefix)
{
  char *end;
  if (strncmp(text, prefix, strlen(prefix)) != 0) return 0;
  uint64_t n = strtoull(text + strlen(prefix), &end, 10);
  return *end == '\0' && n <= 1000000000 ? n : 0;
}

static bool measure(void)
{
  uint64_t in_order = number_behind(args.name, "growth-");
  uint64_t random = number_behind(args.name, "growth-random-");
  if (random > 0)
    growth(random, true);
  else if (in_order > 0)
    growth(in_order, false);
  else if (strcmp(args.name, "silence") == 0)
    silence();
  else
    return false;
  return true;
}

static bool read_arguments(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    uint64_t *number = strcmp(argv[i], "--workers") == 0      ? &args.workers
                       : strcmp(argv[i], "--ms") == 0         ? &args.ms
                       : strcmp(argv[i], "--rounds") == 0     ? &args.rounds
                       : strcmp(argv[i], "--ops") == 0        ? &args.ops
                       : strcmp(argv[i], "--silence-ms") == 0 ? &args.silence_ms
                       : strcmp(argv[i], "--tick") == 0       ? &args.tick
                                                              : NULL;
    if (number == NULL && args.name == NULL && argv[i][0] != '-')
      args.name = argv[i];
    else if (number == NULL || ++i == argc || !(*number = number_behind(argv[i], "")))
      return false;
  }
  return args.name != NULL || args.tick > 0;
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[argc - 1], "--list") == 0) return list();
  bool right = read_arguments(argc, argv);
  if (right && args.tick > 0) {
    tick();
    return 0;
  }
  if (!right || !measure()) {
    fputs("usage: floor [--ms N] [--rounds N] [--ops N] [--silence-ms N] NAME | --list | "
          "--tick N\n",
          stderr);
    return 2;
  }
  return 0;
}
