/* ring.c - a message runs round a ring of actors.
 *
 *    ring [ACTORS] [HOPS]             by default 1000 actors and ten million hops
 *    ring --foal-workers=1 5 100
 *
 * Each actor knows only the next one. The ring grows by itself: every actor spawns the
 * next until none is left to make, and the last one closes it. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

FOAL_TAG(actor)
typedef struct actor {
  actor_tag next;
  uint64_t number;
} actor;
FOAL_ACTOR(actor)
FOAL_BEHAVIOUR3(actor, grow, actor_tag, first, uint64_t, number, uint64_t, hops)
FOAL_BEHAVIOUR1(actor, pass, uint64_t, hops)

static uint64_t actors, last;
static double began;

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void actor_on_grow(actor *self, actor_tag first, uint64_t number, uint64_t hops)
{
  self->number = number;
  if (number == actors) {
    self->next = first; /* the ring is closed: off it goes */
    began = seconds();
    actor_pass(first, hops);
  } else if (actor_spawn(&self->next)) {
    actor_grow(self->next, first, number + 1, hops);
  } else {
    foal_stop(EXIT_FAILURE);
  }
}

static void actor_on_pass(actor *self, uint64_t hops)
{
  if (hops > 0) {
    actor_pass(self->next, hops - 1);
  } else {
    last = self->number;
  }
}

static int usage(const char *program, int status)
{
  fprintf(
      status == 0 ? stdout : stderr,
      "usage: %s [ACTORS] [HOPS] [--foal-workers=W]\n"
      "a message makes HOPS hops, 1 .. 10^15 (10000000), round a ring of ACTORS actors,\n"
      "1 .. 10^8 (1000)\n",
      program);
  return status;
}

/* A number from 1 to max; 0: it is none. */
static uint64_t number_of(const char *text, uint64_t max)
{
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == '\0' && value <= max ? value : 0;
}

int main(int argc, char **argv)
{
  foal_options options = {0};
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return usage(argv[0], 0);
  actors = argc > 1 ? number_of(argv[1], 100000000) : 1000;
  uint64_t hops = argc > 2 ? number_of(argv[2], 1000000000000000) : 10000000;
  if (argc > 3 || actors == 0 || hops == 0) return usage(argv[0], 2);

  actor_tag first;
  foal_err err = foal_start(&options);
  if (err != FOAL_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], foal_err_text(err));
    return EXIT_FAILURE;
  }
  if (!actor_spawn(&first)) return EXIT_FAILURE;
  actor_grow(first, first, 1, hops);
  int status = foal_run();
  double took = seconds() - began;
  if (status != 0) return status;
  printf("%llu hops round %llu actors, the last at actor %llu, in %.3f s: %.1f ns each\n",
         (unsigned long long)hops, (unsigned long long)actors, (unsigned long long)last,
         took, took * 1e9 / (double)hops);
  return 0;
}
