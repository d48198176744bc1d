/* full.c - many senders, one receiver with a tiny mailbox: muting and waking all the
 * time.
 *
 * A muted sender belongs to whoever takes it off the list of waiters, and often that
 * happens before its `look` has come: only the list orders the two then, which is what
 * ThreadSanitizer is to see. */
#include "../../runtime/actor.h"
#include "../../runtime/sched.h"

#include <stdio.h>

enum { WORKERS = 4, SENDERS = 40, TURNS = 10000, SENDS_A_TURN = 1 };

typedef struct sink {
  char unused;
} sink;
FOAL_TAG(sink)
FOAL_ACTOR(sink)
FOAL_BEHAVIOUR0(sink, take)

typedef struct source {
  uint32_t turns;
} source;
FOAL_TAG(source)
FOAL_ACTOR(source)
FOAL_BEHAVIOUR1(source, go, sink_tag, to)

static int64_t taken; /* the sink's */

static void sink_on_take(sink *self)
{
  (void)self;
  taken++;
}

static void source_on_go(source *self, sink_tag to)
{
  for (int i = 0; i < SENDS_A_TURN; i++) sink_take(to);
  if (++self->turns < TURNS) source_go(source_self(self), to);
}

int main(void)
{
  foal_options options = {
      .workers = WORKERS, .mailbox_messages = 2, .keep_signals = true};
  sink_tag to;
  source_tag from;
  foal_counters c;
  if (foal_start(&options) != FOAL_OK || !sink_spawn_pinned(&to, 0)) return 1;
  for (uint32_t i = 0; i < SENDERS; i++) {
    if (!source_spawn_pinned(&from, i % WORKERS)) return 1;
    source_go(from, to);
  }
  if (foal_run() != 0) return 1;
  foal_counters_read(&c);
  printf("full: %lld messages, %lld mutes\n", (long long)taken, (long long)c.mutes);
  return taken == (int64_t)SENDERS * TURNS * SENDS_A_TURN && c.mutes > 0 ? 0 : 1;
}
