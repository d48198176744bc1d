/* watched.h - foal_run with a watchman beside it, for tests in which messages are lost:
 * what waits for one may wait for ever, and is stopped as an operator would stop it. */
#ifndef FOAL_TESTS_UNIT_WATCHED_H
#define FOAL_TESTS_UNIT_WATCHED_H

#include "runtime/sched.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { WATCH_MS = 250 };

/* A file that refuses pthread_create says what to use for the watchman. */
#ifndef WATCHED_CREATE
#  define WATCHED_CREATE pthread_create
#endif

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t watch_over = PTHREAD_COND_INITIALIZER;
static bool is_over;

static void *watch(void *unused)
{
  struct timespec until;
  (void)unused;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += WATCH_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  (void)pthread_mutex_lock(&watch_lock);
  while (!is_over && pthread_cond_timedwait(&watch_over, &watch_lock, &until) == 0) {
  }
  bool late = !is_over;
  (void)pthread_mutex_unlock(&watch_lock);
  if (late) foal_stop(1);
  return NULL;
}

/* foal_run; 1 when the watchman had to stop it. */
static int run_watched(void)
{
  pthread_t watchman;
  is_over = false;
  if (WATCHED_CREATE(&watchman, NULL, watch, NULL) != 0) abort();
  int status = foal_run();
  (void)pthread_mutex_lock(&watch_lock);
  is_over = true;
  (void)pthread_cond_signal(&watch_over);
  (void)pthread_mutex_unlock(&watch_lock);
  (void)pthread_join(watchman, NULL);
  return status;
}

#endif
