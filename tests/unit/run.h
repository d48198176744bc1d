/* run.h - what the unit tests of runtime/ share: a runtime to run in, and the oracle that
 * nothing is left when it is over. */
#ifndef FOAL_TESTS_UNIT_RUN_H
#define FOAL_TESTS_UNIT_RUN_H

#include "../foal_test.h"

#include "../../runtime/sched.h"

/* Whether a sanitizer watches: nothing is cheap then, nor small. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { INSTRUMENTED = 1 };
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
enum { INSTRUMENTED = 1 };
#  else
enum { INSTRUMENTED = 0 };
#  endif
#else
enum { INSTRUMENTED = 0 };
#endif

static inline bool instrumented(void)
{
  return INSTRUMENTED;
}

static inline void start_with(foal_options options)
{
  options.keep_signals = true;
  cr_assert_eq(foal_start(&options), FOAL_OK);
}

static inline void start(uint32_t workers)
{
  start_with((foal_options){.workers = workers});
}

static inline foal_counters counters(void)
{
  foal_counters c;
  foal_counters_read(&c);
  return c;
}

static inline void check_nothing_left(void)
{
  foal_counters c = counters();
  cr_assert_eq(c.actors_live, 0);
  cr_assert_eq(c.bufs_live, 0);
  cr_assert_eq(c.timers_live, 0);
  cr_assert_eq(c.works_live, 0);
  cr_assert_eq(c.handles_live, 0);
  cr_assert_eq(c.messages_lost, 0);
}

/* Runs to the end, which must leave nothing behind; returns the status. */
static inline int finish(void)
{
  int status = foal_run();
  check_nothing_left();
  return status;
}

#endif
