/* rt_move.c - scenario `move`: actors that change workers while they are written to.
 *
 * Costly actors are given to workers that have nothing to do; cheap ones that get all
 * their mail from one other worker are fetched by it. Whoever writes to them, from one
 * worker or from several in turn, from actors that move themselves: each pair's messages
 * come in order, pinned actors stay, and actors with an armed timer stay too. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/timer.h"
#include "../../sim/impl/engine.h"

#include <string.h>

enum { MOVERS_MAX = 8, ROUNDS_MAX = 200, COST_NS = 30000 };

typedef struct mover {
  uint32_t me, worker, left, partner;
  uint32_t sent[MOVERS_MAX], received[MOVERS_MAX];
  foal_timer timer;
  uint32_t armed_on; /* worker + 1 */
} mover;
FOAL_TAG(mover)
FOAL_ACTOR(mover)
FOAL_BEHAVIOUR1(mover, begin, uint32_t, me)
FOAL_BEHAVIOUR2(mover, ball, uint32_t, from, uint32_t, number)
FOAL_BEHAVIOUR0(mover, go)
FOAL_TIMER(mover, tick)

static struct {
  mover_tag all[MOVERS_MAX];
  bool pinned[MOVERS_MAX], costly[MOVERS_MAX];
  bool all_cheap;
  uint32_t count, rounds, sent, handled, seen_moves;
} move;

static void look_around(mover *self)
{
  uint32_t here = foal_worker();
  if (here != self->worker) {
    FOAL_SIM_CHECK(!move.pinned[self->me] && self->armed_on == 0);
    self->worker = here;
    move.seen_moves++;
  }
  if (move.costly[self->me]) foal__sim_pass(1 + foal_sim_draw(COST_NS));
}

static void send_ball(mover *self, uint32_t to)
{
  move.sent++;
  mover_ball(move.all[to], self->me, self->sent[to]++);
}

static void mover_on_begin(mover *self, uint32_t me)
{
  self->me = me;
  self->worker = foal_worker();
  self->left = move.rounds;
  self->partner = foal_sim_draw(move.count);
  mover_go(mover_self(self));
}

static void maybe_arm(mover *self) FOAL_TURN;
static void maybe_arm(mover *self)
{
  if (self->armed_on != 0 || foal_sim_draw(30) != 0) return;
  self->armed_on = foal_worker() + 1;
  self->timer = mover_tick_after(self, foal_sim_draw(3));
}

/* Mostly to the partner, so that it is worth fetching; now and then to anybody. */
static void mover_on_go(mover *self)
{
  look_around(self);
  maybe_arm(self);
  if (self->left == 0) return;
  self->left--;
  bool stray = foal_sim_draw(16) == 0;
  send_ball(self, stray ? foal_sim_draw(move.count) : self->partner);
  mover_go(mover_self(self));
}

static void mover_on_ball(mover *self, uint32_t from, uint32_t number)
{
  look_around(self);
  if (self->received[from] != number) {
    foal_sim_fail("actor %u gets ball %u of actor %u as number %u", self->me, number,
                  from, self->received[from]);
  }
  self->received[from]++;
  move.handled++;
  /* An answer now and then, so that both write to each other. */
  if (from != self->me && self->left > 0 && foal_sim_draw(2) == 0) {
    self->left--;
    send_ball(self, from);
  }
}

static void mover_on_tick(mover *self)
{
  look_around(self);
  FOAL_SIM_CHECK(self->armed_on == foal_worker() + 1);
  self->armed_on = 0;
}

static bool move_start(void)
{
  memset(&move, 0, sizeof move);
  move.count = 2 + foal_sim_size(MOVERS_MAX - 2);
  move.rounds = 10 + foal_sim_size(ROUNDS_MAX);
  bool crowded = foal_sim_draw(2) == 0; /* all begin on one worker */
  move.all_cheap = foal_sim_draw(3) == 0;
  for (uint32_t i = 0; i < move.count; i++) {
    uint32_t worker = crowded ? 0 : foal_sim_draw(foal_workers());
    move.pinned[i] = foal_sim_draw(6) == 0;
    move.costly[i] = foal_sim_draw(2) == 0 && !move.all_cheap;
    FOAL_SIM_CHECK(move.pinned[i] ? mover_spawn_pinned(&move.all[i], worker)
                                  : mover_spawn_on(&move.all[i], worker));
  }
  for (uint32_t i = 0; i < move.count; i++) mover_begin(move.all[i], i);
  return true;
}

static void move_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(move.handled == move.sent);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
  if (c.actors_moved > 0) foal_sim_mark("move_moved");
  if (move.seen_moves > 2) foal_sim_mark("move_often");
  bool cheap = move.all_cheap && !foal__sim_on(FOAL__SIM_W_slow_turns);
  if (cheap && c.actors_moved > 0) foal_sim_mark("move_fetched");
}

static const char *const move_marks[] = {"move_moved", "move_often", "move_fetched",
                                         NULL};
const foal_scenario rt_move = {
    .name = "move",
    .about = "actors that change workers while they are written to",
    .start = move_start,
    .check = move_check,
    .options = {.workers = 3},
    .marks = move_marks,
};

const foal_scenario baton_move = {
    .name = "baton_move",
    .about = "actors that change workers, interleaving at every shared word",
    .start = move_start,
    .check = move_check,
    .options = {.workers = 3},
    .marks = move_marks,
    .flags = FOAL_SIM_FINE,
};
