/* pingpong.c - two actors send one message to and fro: the smallest actor program.
 *
 *    pingpong [N]                     N messages, by default ten million
 *    pingpong --foal-workers=1 1000
 *
 * Calling a behaviour is the send: player_hit(tag, ...) returns at once, and
 * player_on_hit runs later, in a turn of that player. The program ends by itself when no
 * message is left. */
#include <foal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct player {
  uint64_t hits;
} player;
FOAL_TAG(player)
FOAL_ACTOR(player)
FOAL_BEHAVIOUR2(player, hit, player_tag, from, uint64_t, left)

static uint64_t hits[2]; /* written in the last turns, read when the program is over */

static void player_on_hit(player *self, player_tag from, uint64_t left)
{
  self->hits++;
  if (left < 2) hits[left] = self->hits; /* the last one, and the one before it */
  if (left > 0) player_hit(from, player_self(self), left - 1);
}

static double seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(const char *program, int status)
{
  fprintf(status == 0 ? stdout : stderr,
          "usage: %s [N] [--foal-workers=W]\n"
          "two actors exchange N messages, 1 .. 10^15 (10000000)\n",
          program);
  return status;
}

int main(int argc, char **argv)
{
  foal_options options = {0};
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return 2;
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return usage(argv[0], 0);
  char *end = NULL;
  unsigned long long count = argc > 1 ? strtoull(argv[1], &end, 10) : 10000000;
  bool number = end == NULL || (*argv[1] >= '0' && *argv[1] <= '9' && *end == '\0');
  if (argc > 2 || !number || count < 1 || count > 1000000000000000) {
    return usage(argv[0], 2);
  }

  player_tag ping, pong;
  foal_err err = foal_start(&options);
  if (err != FOAL_OK) {
    fprintf(stderr, "%s: %s\n", argv[0], foal_err_text(err));
    return EXIT_FAILURE;
  }
  if (!player_spawn(&ping) || !player_spawn(&pong)) return EXIT_FAILURE;
  double began = seconds();
  player_hit(ping, pong, count - 1);
  int status = foal_run();
  double took = seconds() - began;
  printf("%llu messages, %llu and %llu, in %.3f s: %.1f ns each\n", count,
         (unsigned long long)(hits[0] > hits[1] ? hits[0] : hits[1]),
         (unsigned long long)(hits[0] > hits[1] ? hits[1] : hits[0]), took,
         took * 1e9 / (double)count);
  return status;
}
