/* refs.c - shared settings are freed after the last look at them, by whoever that is.
 *
 * In each round threads that know nothing else of each other read something and let go
 * of it; the last one spoils and frees it. Only the count orders them, which is what
 * ThreadSanitizer is to see. */
#include "../../runtime/impl/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 200, WORDS = 16 };

typedef struct shared {
  foal__refs refs;
  uint64_t words[WORDS];
} shared;

static _Atomic(int) wrong, freed;

static void *hold_and_drop(void *arg)
{
  shared *s = arg;
  for (int i = 0; i < WORDS; i++) {
    if (s->words[i] != s->words[0]) wrong++;
  }
  if (!foal__refs_drop(&s->refs)) return NULL;
  memset(s->words, 0xff, sizeof s->words);
  free(s);
  freed++;
  return NULL;
}

static bool run_round(uint64_t value)
{
  pthread_t threads[THREADS];
  shared *s = calloc(1, sizeof *s);
  if (s == NULL) return false;
  for (int i = 0; i < WORDS; i++) s->words[i] = value;
  foal__refs_begin(&s->refs);
  for (int i = 1; i < THREADS; i++) foal__refs_share(&s->refs);
  for (int i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, hold_and_drop, s) != 0) return false;
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  return true;
}

int main(void)
{
  for (uint64_t i = 0; i < ROUNDS; i++) {
    if (run_round(i)) continue;
    fprintf(stderr, "refs: cannot make a round\n");
    return 1;
  }
  if (wrong == 0 && freed == ROUNDS) return 0;
  fprintf(stderr, "refs: %d wrong words, %d of %d freed\n", wrong, freed, ROUNDS);
  return 1;
}
