/* msg_crowds.c - benchmarks with many actors.
 *
 *   fjthrput  one actor sends to 60 in turn, each does a little arithmetic (Savina: FJT)
 *   big       120 actors ask each other at random and wait for the answer (BIG)
 *   fjcreate  make an actor, send it one message, it ends (FJC)
 *   skynet    a tree of actors, ten to a node, whose leaves are summed up
 *   coarse    64 actors with messages of 50 microseconds: what a second worker is for
 *   memory    bytes for an idle actor that has had one message
 *
 * Tags of a crowd stand in a static array that `begin` fills before the first message:
 * every reader has had a message sent after that. */
#include "messages.h"

#include <stdatomic.h>

enum {
  FORKS = 60,
  CROWD = 120,
  COARSE = 64,
  COARSE_US = 50,
  BATCH = 256, /* actors made before the new ones run */
  TEN = 10,
};

/* ---- fjthrput ---- */

typedef struct fork_worker {
  gate_tag gate;
  double x;
  uint64_t left;
} fork_worker;

FOAL_TAG(fork_worker)
FOAL_ACTOR(fork_worker)
FOAL_BEHAVIOUR2(fork_worker, set, gate_tag, gate, uint64_t, count)
FOAL_BEHAVIOUR0(fork_worker, work)

static fork_worker_tag forks[FORKS];

static void fork_worker_on_set(fork_worker *self, gate_tag gate, uint64_t count)
{
  *self = (fork_worker){gate, 1.5, count};
}

static double arithmetic(double x)
{
  for (int i = 0; i < 8; i++) x = x * 1.0000001 + 0.5;
  return x;
}

static void fork_worker_on_work(fork_worker *self)
{
  self->x = arithmetic(self->x);
  if (--self->left > 0) return;
  gate_arrive(self->gate);
  foal_actor_end(FOAL_ENDED);
}

typedef struct forker {
  uint64_t left;
} forker;

FOAL_TAG(forker)
FOAL_ACTOR(forker)
FOAL_BEHAVIOUR1(forker, set, uint64_t, count)
FOAL_BEHAVIOUR0(forker, go)

static void forker_on_set(forker *self, uint64_t count)
{
  self->left = count;
}

static void forker_on_go(forker *self)
{
  for (int i = 0; i < 20 && self->left > 0; i++, self->left--) {
    for (int k = 0; k < FORKS; k++) fork_worker_work(forks[k]);
  }
  if (self->left > 0)
    forker_go(forker_self(self));
  else
    foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool fjthrput_begin(const msg_round *round)
{
  gate_tag gate;
  forker_tag f;
  if (!gate_open(&gate, round->judge, FORKS) || !forker_spawn(&f)) return false;
  for (int k = 0; k < FORKS; k++) {
    if (!fork_worker_spawn(&forks[k])) return false;
    fork_worker_set(forks[k], gate, round->ops / FORKS);
  }
  forker_set(f, round->ops / FORKS);
  msg_start_clock();
  forker_go(f);
  return true;
}

static uint64_t sixties(uint64_t ops)
{
  return ops < FORKS ? FORKS : ops - ops % FORKS;
}

/* ---- big ---- */

typedef struct guest guest;
FOAL_TAG(guest)

struct guest {
  gate_tag gate;
  uint64_t left, random;
};

FOAL_ACTOR(guest)
FOAL_BEHAVIOUR3(guest, set, gate_tag, gate, uint64_t, count, uint64_t, seed)
FOAL_BEHAVIOUR1(guest, ask, guest_tag, who)
FOAL_BEHAVIOUR0(guest, answer)

static guest_tag guests[CROWD];

static void guest_on_set(guest *self, gate_tag gate, uint64_t count, uint64_t seed)
{
  *self = (guest){gate, count, seed};
}

static void guest_on_ask(guest *self, guest_tag who)
{
  (void)self;
  guest_answer(who);
}

static void guest_on_answer(guest *self)
{
  if (self->left == 0) {
    gate_arrive(self->gate);
    return;
  }
  self->left--;
  self->random ^= self->random << 13;
  self->random ^= self->random >> 7;
  self->random ^= self->random << 17;
  guest_ask(guests[self->random % CROWD], guest_self(self));
}

FOAL_TURN static bool big_begin(const msg_round *round)
{
  gate_tag gate;
  if (!gate_open(&gate, round->judge, CROWD)) return false;
  for (uint64_t i = 0; i < CROWD; i++) {
    if (!guest_spawn(&guests[i])) return false;
    guest_set(guests[i], gate, round->ops / (2 * CROWD), (i + 1) * 0x9E3779B97F4A7C15u);
  }
  msg_start_clock();
  for (int i = 0; i < CROWD; i++) guest_answer(guests[i]);
  return true;
}

static void big_after(void)
{
  for (int i = 0; i < CROWD; i++) foal_actor_tell_end(guests[i].any, FOAL_ENDED);
}

static uint64_t crowds(uint64_t ops)
{
  return ops < 2 * CROWD ? 2 * CROWD : ops - ops % (2 * CROWD);
}

/* ---- fjcreate and memory ---- */

typedef struct idler {
  uint64_t state;
} idler;

FOAL_TAG(idler)
FOAL_ACTOR(idler)
FOAL_BEHAVIOUR1(idler, touch, bool, end)

/* A message home would be a second one per actor. */
static _Atomic(uint64_t) idlers_left;

typedef struct maker maker;
FOAL_TAG(maker)

struct maker {
  judge_tag judge;
  uint64_t left;
  bool end;
};

FOAL_ACTOR(maker)
FOAL_BEHAVIOUR3(maker, set, judge_tag, judge, uint64_t, count, bool, end)
FOAL_BEHAVIOUR0(maker, go)
FOAL_BEHAVIOUR0(maker, made)

static maker_tag the_maker;

static void idler_on_touch(idler *self, bool end)
{
  self->state = 1;
  if (end) foal_actor_end(FOAL_ENDED);
  /* Acq_rel: the last one comes after all others; pairs with itself. */
  if (atomic_fetch_sub_explicit(&idlers_left, 1, memory_order_acq_rel) == 1)
    maker_made(the_maker);
}

static void maker_on_set(maker *self, judge_tag judge, uint64_t count, bool end)
{
  *self = (maker){judge, count, end};
}

static void maker_on_go(maker *self)
{
  for (int i = 0; i < BATCH && self->left > 0; i++, self->left--) {
    idler_tag t;
    if (!idler_spawn(&t)) msg_fail("no memory for another actor");
    idler_touch(t, self->end);
  }
  if (self->left > 0) maker_go(maker_self(self));
}

static void maker_on_made(maker *self)
{
  judge_finished(self->judge, msg_now_ns(), 0);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool make(const msg_round *round, bool end)
{
  if (!maker_spawn(&the_maker)) return false;
  atomic_store_explicit(&idlers_left, round->ops, memory_order_relaxed);
  maker_set(the_maker, round->judge, round->ops, end);
  msg_start_clock();
  maker_go(the_maker);
  return true;
}

FOAL_TURN static bool fjcreate_begin(const msg_round *round)
{
  return make(round, true);
}

FOAL_TURN static bool memory_begin(const msg_round *round)
{
  return make(round, false);
}

/* ---- skynet ---- */

typedef struct node node;
FOAL_TAG(node)

struct node {
  node_tag parent; /* nobody: the root */
  uint64_t sum;
  uint32_t missing;
};

FOAL_ACTOR(node)
FOAL_BEHAVIOUR3(node, grow, node_tag, parent, uint64_t, first, uint64_t, leaves)
FOAL_BEHAVIOUR1(node, sum_up, uint64_t, sum)

static judge_tag skynet_judge;

FOAL_TURN static void pass_up(node *self)
{
  if (foal_tag_is_nobody(self->parent.any))
    judge_finished(skynet_judge, msg_now_ns(), self->sum);
  else
    node_sum_up(self->parent, self->sum);
  foal_actor_end(FOAL_ENDED);
}

static void node_on_grow(node *self, node_tag parent, uint64_t first, uint64_t leaves)
{
  *self = (node){parent, first, TEN};
  if (leaves == 1) {
    pass_up(self);
    return;
  }
  self->sum = 0;
  for (uint64_t i = 0; i < TEN; i++) {
    node_tag child;
    if (!node_spawn(&child)) msg_fail("no memory for another actor");
    node_grow(child, node_self(self), first + i * (leaves / TEN), leaves / TEN);
  }
}

static void node_on_sum_up(node *self, uint64_t sum)
{
  self->sum += sum;
  if (--self->missing == 0) pass_up(self);
}

FOAL_TURN static bool skynet_begin(const msg_round *round)
{
  node_tag root;
  skynet_judge = round->judge;
  if (!node_spawn(&root)) return false;
  msg_start_clock();
  node_grow(root, (node_tag){0}, 0, round->ops);
  return true;
}

static uint64_t power_of_ten(uint64_t ops)
{
  uint64_t power = TEN;
  while (power * 3 < ops) power *= TEN;
  return power;
}

static uint64_t sum_below(uint64_t ops)
{
  return ops * (ops - 1) / 2;
}

/* ---- coarse ---- */

typedef struct digger {
  gate_tag gate;
  uint64_t left;
} digger;

FOAL_TAG(digger)
FOAL_ACTOR(digger)
FOAL_BEHAVIOUR2(digger, set, gate_tag, gate, uint64_t, count)
FOAL_BEHAVIOUR0(digger, dig)

static void digger_on_set(digger *self, gate_tag gate, uint64_t count)
{
  *self = (digger){gate, count};
}

static void digger_on_dig(digger *self)
{
  uint64_t until_ns = msg_now_ns() + COARSE_US * 1000u;
  while (msg_now_ns() < until_ns) continue;
  if (--self->left > 0) return;
  gate_arrive(self->gate);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool coarse_begin(const msg_round *round)
{
  gate_tag gate;
  digger_tag diggers[COARSE];
  if (!gate_open(&gate, round->judge, COARSE)) return false;
  for (int i = 0; i < COARSE; i++) {
    if (!digger_spawn(&diggers[i])) return false;
    digger_set(diggers[i], gate, round->ops / COARSE);
  }
  msg_start_clock();
  for (uint64_t k = 0; k < round->ops / COARSE; k++) {
    for (int i = 0; i < COARSE; i++) digger_dig(diggers[i]);
  }
  return true;
}

static uint64_t coarse_ops(uint64_t ops)
{
  return ops < COARSE ? COARSE : ops - ops % COARSE;
}

const msg_bench msg_crowds[] = {
    {.name = "fjthrput",
     .unit = "message",
     .begin = fjthrput_begin,
     .round_ops = sixties,
     .ops_first = 6000},
    {.name = "big",
     .unit = "message",
     .begin = big_begin,
     .after = big_after,
     .round_ops = crowds,
     .ops_first = 24000},
    {.name = "fjcreate", .unit = "actor", .begin = fjcreate_begin, .ops_first = 10000},
    {.name = "skynet",
     .unit = "leaf",
     .begin = skynet_begin,
     .round_ops = power_of_ten,
     .expected = sum_below,
     .ops_first = 1000000,
     .fixed = true},
    {.name = "coarse",
     .unit = "message",
     .begin = coarse_begin,
     .round_ops = coarse_ops,
     .ops_first = COARSE,
     .ops_max = 100000},
    {.name = "memory",
     .unit = "actor",
     .begin = memory_begin,
     .value = MSG_BYTES_PER_OP,
     .ops_first = 400000,
     .once = true},
    {0},
};
