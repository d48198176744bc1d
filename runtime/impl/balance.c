/* balance.c - which worker runs which actor. The owner gives, nobody takes.
 *
 * A worker without work sets its bit in `hungry`. A busy one that sees it hands over
 * runnable, unpinned actors, but only those that have shown to cost at least about a
 * microsecond a message: a cross-thread message costs more than a cheap behaviour.
 * Costs are measured only while somebody is hungry. The other way round, a cheap actor
 * that gets all its mail from one other worker moves there; the threshold doubles each
 * time, so two workers cannot play ball with it. Figures behind the constants:
 * docs/performance.md. */
#include "mailbox.h"
#include "pool.h"

enum {
  GIVE_MAX = 256,
  COST_UNIT_SHIFT = 4,
  PULL_AT_MAX = 200,
};

static bool may_move(const foal_actor *x)
{
  return (x->flags & (FOAL__PINNED | FOAL__MUTED)) == 0 && x->timers == NULL &&
         x->type != NULL;
}

static bool worth_moving(const foal_actor *x)
{
  return (uint64_t)x->cost << COST_UNIT_SHIFT >= foal__rt.cheap_cycles;
}

void foal__give(foal__worker *w, uint32_t hungry)
{
  uint64_t now = foal__clock_cycles();
  uint32_t have = foal__ring_count(&w->ready);
  if (now < w->next_give || have < 2) return;
  w->next_give = now + foal__rt.give_cycles;
  uint32_t to = (uint32_t)__builtin_ctz(hungry);
  uint32_t want = have / 2 < GIVE_MAX ? have / 2 : GIVE_MAX, given = 0;
  foal_debug_assert(to != w->id && to < foal__rt.workers);
  for (uint32_t i = 0; i < want; i++) {
    foal_actor *x = foal__ring_oldest(&w->ready);
    foal_assert(x != NULL); /* there are `have` of them */
    if (!may_move(x) || !worth_moving(x) || x->queued > UINT16_MAX) {
      foal__ring_push(&w->ready, x);
      continue;
    }
    x->carried = (uint16_t)x->queued;
    w->backlog -= x->queued;
    foal__hand_over(x, to);
    given++;
  }
  if (given == 0) return;
  foal__bump(w, FOAL__C_actors_moved, given);
  /* Relaxed: a hint; the receiver clears it again when it finds work. */
  foal__and(&foal__rt.hungry, ~(UINT32_C(1) << to), relaxed);
}

void foal__note_sender(foal__worker *w, foal_actor *x, const foal_msg *chain)
{
  if (foal__rt.workers < 2 || (x->flags & FOAL__PINNED) != 0) return;
  uint16_t from = chain->home_; /* the pool of the newest message tells who sent it */
  if (from == w->id || from == FOAL__NO_WORKER || from != x->pull_to) {
    x->pull_to = from;
    x->pulls = 0;
  } else if (x->pulls < UINT8_MAX) {
    x->pulls++;
  }
}

bool foal__pull(foal__worker *w, foal_actor *x)
{
  if (__builtin_expect(x->pulls <= x->pull_at, 1)) return false;
  if (x->head != NULL || x->pull_to >= foal__rt.workers || x->pull_to == w->id)
    return false;
  if (!may_move(x) || worth_moving(x)) return false;
  x->pulls = 0;
  w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  uint32_t next = x->pull_at * 2u + (uint32_t)(w->rng >> 58);
  x->pull_at = (uint8_t)(next < PULL_AT_MAX ? next : PULL_AT_MAX);
  x->carried = 0;
  foal__bump(w, FOAL__C_actors_moved, 1);
  foal__hand_over(x, x->pull_to);
  return true;
}

void foal__turn_measured(foal__worker *w, foal_actor *x)
{
  /* A sample of 1 in 16 once the actor has a cost: reading the counter twice is as
   * dear as two messages. */
  if (x->cost != 0 && (w->samples++ & 15) != 0) {
    foal__turn(w, x);
    return;
  }
  uint32_t generation = x->generation;
  int64_t before = foal__load(&w->counters[FOAL__C_messages], relaxed);
  uint64_t began = foal__clock_cycles();
  w->measured = x;
  w->excused = 0;
  foal__turn(w, x);
  uint64_t cycles = foal__clock_cycles() - began - w->excused;
  int64_t count = foal__load(&w->counters[FOAL__C_messages], relaxed) - before;
  bool ours = w->measured == x;
  w->measured = NULL;
  if (!ours || count <= 0) return; /* it moved: no longer ours to touch */
  if (x->generation != generation) return;
  uint64_t cost = (cycles / (uint64_t)count) >> COST_UNIT_SHIFT;
  if (cost > UINT16_MAX) cost = UINT16_MAX;
  if (cost == 0) cost = 1;
  x->cost = (uint16_t)(x->cost == 0 ? cost : ((uint64_t)x->cost * 7 + cost) / 8);
}
