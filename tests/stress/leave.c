/* leave.c - the last worker that leaves its loop sees all that the others have made.
 *
 * One worker stops the program, makes a crowd of actors and leaves. The other one was
 * in a long turn meanwhile; it leaves after it, without a look at its loop, and walks
 * over everybody's slots. Nothing but the count of those who have left orders the two:
 * the flag here is relaxed, on purpose, for ThreadSanitizer. */
#include "../../runtime/actor.h"
#include "../../runtime/impl/core.h"
#include "../../runtime/sched.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 20, ACTORS = 100, LOOKS_MAX = 20000 };

static _Atomic(bool) waits;

static void wait_a_moment(void)
{
  nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

typedef struct large {
  char unused[2000];
} large;
FOAL_TAG(large)
FOAL_ACTOR(large)

typedef struct one {
  char unused;
} one;
FOAL_TAG(one)
FOAL_ACTOR(one)
FOAL_BEHAVIOUR0(one, make)
FOAL_BEHAVIOUR0(one, wait)

static void one_on_make(one *self)
{
  large_tag l;
  (void)self;
  for (int i = 0; i < LOOKS_MAX && !foal__load(&waits, relaxed); i++) wait_a_moment();
  foal_stop(0);
  for (int i = 0; i < ACTORS; i++) {
    if (!large_spawn(&l)) return;
  }
}

static void one_on_wait(one *self)
{
  (void)self;
  foal__store(&waits, true, relaxed);
  for (int i = 0; i < LOOKS_MAX && foal__load(&foal__rt.left, relaxed) == 0; i++) {
    wait_a_moment();
  }
}

static bool run_round(void)
{
  foal_options options = {.workers = 2, .keep_signals = true};
  one_tag maker, waiter;
  foal_counters c;
  foal__store(&waits, false, relaxed);
  if (foal_start(&options) != FOAL_OK) return false;
  if (!one_spawn_pinned(&maker, 1) || !one_spawn_pinned(&waiter, 0)) return false;
  one_make(maker);
  one_wait(waiter);
  if (foal_run() != 0) return false;
  foal_counters_read(&c);
  return c.actors_live == 0 && c.messages_lost == 0;
}

int main(void)
{
  for (int i = 0; i < ROUNDS; i++) {
    if (run_round()) continue;
    fprintf(stderr, "leave: round %d went wrong\n", i);
    return 1;
  }
  return 0;
}
