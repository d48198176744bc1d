/* balance.c - which worker runs which actor. The owner gives, nobody takes.
 *
 * A worker without work sets its bit in `hungry`. A busy one that sees it times a turn
 * now and then, less and less often, and every one as long as they are dear, hungry or
 * not, so as to know what to give. It hands over runnable, unpinned actors that have
 * cost at least about a microsecond a message, twice, or right behind another one that
 * did: one sample may have been disturbed. A message that is sent counts as one that is
 * received: what a move makes dearer is every message of the actor, in and out, and
 * somebody who sends a thousand of them in one turn costs little for each.
 *
 * The other way round, a cheap actor that gets all its mail from one other worker moves
 * there, and so does one that sends more to an actor of another worker than that can
 * handle. The threshold doubles each time, so two workers cannot play ball with it.
 * Figures behind the constants: docs/performance.md. */
#include "mailbox.h"
#include "pool.h"

enum {
  LOOKS_MAX = 512,
  DEAR_AT = 2,
  DEAR_MAX = 4,
  GAP_MAX = 64,
  PULL_AT_MAX = 200,
};

static bool may_move(const foal_actor *x)
{
  return (x->flags & (FOAL__PINNED | FOAL__MUTED)) == 0 && x->timers == NULL &&
         x->type != NULL;
}

static bool worth_moving(const foal_actor *x)
{
  return x->dear >= DEAR_AT;
}

static uint32_t random_below_64(foal__worker *w)
{
  w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(w->rng >> 58);
}

/* With what is waiting for it. */
static void hand_over_loaded(foal__worker *w, foal_actor *x, uint32_t to)
{
  foal_debug_assert(x->queued <= UINT16_MAX);
  x->carried = (uint16_t)x->queued;
  w->entered -= x->queued;
  foal__hand_over(x, to);
}

/* To a worker that has nothing to do, if there is one. */
static void give(foal__worker *w, uint64_t now)
{
  uint32_t hungry = foal__load(&foal__rt.hungry, relaxed) & w->others; /* a hint */
  /* The long turns first: they gain most. */
  foal__ring *from = foal__ring_count(&w->late) > 1 ? &w->late : &w->ready;
  uint32_t have = foal__ring_count(from);
  if (hungry == 0 || now < w->next_give || have < 2) return;
  w->next_give = now + foal__rt.give_cycles;
  uint32_t to = (uint32_t)__builtin_ctz(hungry);
  uint32_t want = have / 2, given = 0;
  if (have > LOOKS_MAX) have = LOOKS_MAX;
  foal_debug_assert(to != w->id && to < foal__rt.workers);
  for (uint32_t i = 0; i < have; i++) {
    foal_actor *x = foal__ring_oldest(from);
    foal_assert(x != NULL); /* there are `have` of them */
    if (given == want || !may_move(x) || !worth_moving(x) || x->queued > UINT16_MAX) {
      foal__ring_push(from, x);
      continue;
    }
    hand_over_loaded(w, x, to);
    given++;
  }
  if (given == 0) return;
  foal__bump(w, FOAL__C_actors_moved, given);
  /* Relaxed: a hint; the receiver clears it again when it finds work. */
  foal__and(&foal__rt.hungry, ~(UINT32_C(1) << to), relaxed);
}

/* Once more the mail, or the receiver, was on this one worker. */
static void count_pull(foal_actor *x, uint16_t from)
{
  if (from != x->pull_to) {
    x->pull_to = from;
    x->pulls = 0;
  } else if (x->pulls < UINT8_MAX) {
    x->pulls++;
  }
}

void foal__note_sender(foal__worker *w, foal_actor *x, const foal_msg *chain)
{
  if (foal__rt.workers < 2 || (x->flags & FOAL__PINNED) != 0) return;
  uint16_t from = chain->home_; /* the pool of the newest message tells who sent it */
  count_pull(x, from == w->id ? (uint16_t)FOAL__NO_WORKER : from);
}

/* Whether it is time to move to where its mail comes from or goes to. */
static bool is_pulled(foal__worker *w, foal_actor *x)
{
  if (__builtin_expect(x->pulls <= x->pull_at, 1)) return false;
  if (x->pull_to >= foal__rt.workers || x->pull_to == w->id) return false;
  if (!may_move(x) || worth_moving(x) || x->queued > UINT16_MAX) return false;
  x->pulls = 0;
  uint32_t next = x->pull_at * 2u + random_below_64(w);
  x->pull_at = (uint8_t)(next < PULL_AT_MAX ? next : PULL_AT_MAX);
  foal__bump(w, FOAL__C_actors_moved, 1);
  return true;
}

bool foal__pull(foal__worker *w, foal_actor *x)
{
  if (!is_pulled(w, x)) return false;
  hand_over_loaded(w, x, x->pull_to);
  return true;
}

bool foal__follow(foal__worker *w, foal_actor *x, const foal_actor *to)
{
  /* Relaxed: where it was a moment ago will do. */
  uint32_t there = foal__load(&to->owner, relaxed);
  if (there == w->id || (x->flags & FOAL__PINNED) != 0) return false;
  count_pull(x, (uint16_t)there);
  return foal__pull(w, x);
}

/* What happened so far on this worker, to tell what happened in a turn. */
typedef struct tally {
  int64_t handled, sent;
} tally;

static tally tally_now(foal__worker *w)
{
  int64_t handled = foal__load(&w->counters[FOAL__C_messages], relaxed);
  int64_t dropped = foal__load(&w->counters[FOAL__C_messages_dropped], relaxed);
  int64_t remote = foal__load(&w->counters[FOAL__C_messages_remote], relaxed);
  /* What came into a queue was sent here or taken in. */
  return (tally){handled, w->entered + dropped - w->taken + remote};
}

void foal__turn_measured(foal__worker *w, foal_actor *x)
{
  uint32_t generation = x->generation;
  tally before = tally_now(w);
  uint64_t began = foal__clock_cycles();
  w->measured = x;
  w->excused = 0;
  foal__turn(w, x);
  uint64_t now = foal__clock_cycles(), cycles = now - began - w->excused;
  tally after = tally_now(w);
  bool ours = w->measured == x;
  w->measured = NULL;
  int64_t handled = after.handled - before.handled, sent = after.sent - before.sent;
  uint64_t messages = (uint64_t)(handled + (sent > 0 ? sent : 0));
  bool dear = handled > 0 && cycles >= messages * foal__rt.cheap_cycles;
  /* Uneven, so as not to meet the same one of a circle of actors for ever. */
  w->unsampled = dear ? 0 : w->gap + w->gap * random_below_64(w) / 64;
  if (w->gap < GAP_MAX) w->gap *= 2;
  /* It moved: no longer ours to touch. */
  if (ours && handled > 0 && x->generation == generation) {
    if (dear && x->dear < DEAR_MAX)
      x->dear = (uint8_t)(x->dear + (w->was_dear ? DEAR_AT : 1));
    if (!dear && x->dear > 0) x->dear--;
  }
  w->was_dear = dear;
  if (dear) give(w, now);
}
