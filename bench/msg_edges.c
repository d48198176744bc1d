/* msg_edges.c - benchmarks at the edges: too much at once, and nothing for a long time.
 *
 *   producer   sends 10,000,000 messages to a consumer on another worker, faster than it
 *              can take them: what counts is the memory
 *   silence    after 1.5 s without anything a foreign thread sends one message: the time
 *              until the behaviour runs, and the processor time meanwhile
 *
 * The statics of silence belong to the foreign thread, but for `took_ns`, which the actor
 * writes before it posts `ran`. */
#include "messages.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

enum {
  SLICE = 1000,   /* messages the producer sends before it lets others run */
  TAKES_NS = 100, /* the consumer works for so long on each */
  SILENCES_MAX = 64,
};

/* ---- producer ---- */

typedef struct consumer {
  judge_tag judge;
  uint64_t left;
} consumer;

FOAL_TAG(consumer)
FOAL_ACTOR(consumer)
FOAL_BEHAVIOUR2(consumer, set, judge_tag, judge, uint64_t, count)
FOAL_BEHAVIOUR1(consumer, take, uint64_t, number)

static void consumer_on_set(consumer *self, judge_tag judge, uint64_t count)
{
  *self = (consumer){judge, count};
}

static void consumer_on_take(consumer *self, uint64_t number)
{
  uint64_t now = msg_now_ns(), until = now + TAKES_NS;
  if (number != self->left--) msg_fail("a message out of order");
  while (now < until) now = msg_now_ns();
  if (self->left > 0) return;
  judge_finished(self->judge, now, 0);
  foal_actor_end(FOAL_ENDED);
}

typedef struct hurrier {
  consumer_tag to;
  uint64_t left;
} hurrier;

FOAL_TAG(hurrier)
FOAL_ACTOR(hurrier)
FOAL_BEHAVIOUR2(hurrier, set, consumer_tag, to, uint64_t, count)
FOAL_BEHAVIOUR0(hurrier, go)

static void hurrier_on_set(hurrier *self, consumer_tag to, uint64_t count)
{
  *self = (hurrier){to, count};
}

static void hurrier_on_go(hurrier *self)
{
  for (int i = 0; i < SLICE && self->left > 0; i++) consumer_take(self->to, self->left--);
  if (self->left > 0)
    hurrier_go(hurrier_self(self));
  else
    foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool producer_begin(const msg_round *round)
{
  consumer_tag c;
  hurrier_tag h;
  if (!consumer_spawn_pinned(&c, 1) || !hurrier_spawn_pinned(&h, 0)) return false;
  consumer_set(c, round->judge, round->ops);
  hurrier_set(h, c, round->ops);
  msg_start_clock();
  hurrier_go(h);
  return true;
}

/* ---- silence ---- */

typedef struct dozer {
  uint64_t times;
} dozer;

FOAL_TAG(dozer)
FOAL_ACTOR(dozer)
FOAL_BEHAVIOUR1(dozer, poke, uint64_t, sent_ns)

static struct {
  judge_tag judge;
  dozer_tag dozer;
  pthread_t thread;
  sem_t ran;
  uint64_t count, silence_ms;
  uint64_t idle_cpu_ns;
  uint64_t took_ns[SILENCES_MAX];
} calm;

static void dozer_on_poke(dozer *self, uint64_t sent_ns)
{
  calm.took_ns[self->times++] = msg_now_ns() - sent_ns;
  sem_post(&calm.ran);
}

static void sleep_ms(uint64_t ms)
{
  struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
  nanosleep(&t, NULL);
}

/* Of all threads but this one; exact for those that sleep. */
static uint64_t cpu_of_workers_ns(void)
{
  char path[64], own[16];
  uint64_t sum_ns = 0;
  DIR *tasks = opendir("/proc/self/task");
  snprintf(own, sizeof own, "%d", (int)gettid());
  for (struct dirent *e; tasks && (e = readdir(tasks)) != NULL;) {
    unsigned long long ns = 0;
    if (e->d_name[0] == '.' || strcmp(e->d_name, own) == 0) continue;
    snprintf(path, sizeof path, "/proc/self/task/%.16s/schedstat", e->d_name);
    FILE *f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%llu", &ns) != 1) msg_fail("no schedstat");
    fclose(f);
    sum_ns += ns;
  }
  if (tasks) closedir(tasks);
  return sum_ns;
}

/* Everything is still after a fifth; from there on no processor time may go by. It is
 * looked at long before the message, since to look makes caches and processor warm. */
static void *disturb(void *unused)
{
  (void)unused;
  uint64_t began_cpu_ns = cpu_of_workers_ns();
  for (uint64_t i = 0; i < calm.count; i++) {
    sleep_ms(calm.silence_ms / 5);
    uint64_t cpu_ns = cpu_of_workers_ns();
    sleep_ms(calm.silence_ms / 5);
    calm.idle_cpu_ns += cpu_of_workers_ns() - cpu_ns;
    sleep_ms(calm.silence_ms - 2 * (calm.silence_ms / 5));
    dozer_poke(calm.dozer, msg_now_ns());
    sem_wait(&calm.ran);
  }
  uint64_t median = msg_median(calm.took_ns, calm.count);
  msg_note("worst_ns", calm.took_ns[calm.count - 1]);
  msg_note("idle_cpu_ns", calm.idle_cpu_ns);
  msg_note("workers_cpu_ns", (cpu_of_workers_ns() - began_cpu_ns) / calm.count);
  foal_actor_tell_end(calm.dozer.any, FOAL_ENDED);
  judge_finished(calm.judge, msg_now_ns(), median);
  foal_release();
  return NULL;
}

FOAL_TURN static bool silence_begin(const msg_round *round)
{
  calm.judge = round->judge;
  calm.count = round->ops;
  calm.silence_ms = round->silence_ms;
  if (!dozer_spawn_pinned(&calm.dozer, foal_workers() - 1)) return false;
  if (sem_init(&calm.ran, 0, 0) != 0) return false;
  msg_start_clock();
  foal_hold();
  return pthread_create(&calm.thread, NULL, disturb, NULL) == 0;
}

static void silence_after(void)
{
  pthread_join(calm.thread, NULL);
}

const msg_bench msg_edges[] = {
    {.name = "producer",
     .unit = "message",
     .begin = producer_begin,
     .ops_first = 10000000,
     .places = "apart",
     .once = true},
    {.name = "silence",
     .unit = "wake-up",
     .begin = silence_begin,
     .after = silence_after,
     .ops_first = 3,
     .ops_max = SILENCES_MAX,
     .value = MSG_NS_RESULT,
     .once = true},
    {0},
};
