/* mesh.c - everything the runtime can do, at once, for a while, with books on all of it.
 *
 *    mesh [SECONDS] [SEED]      or FOAL_STRESS_SECONDS, FOAL_STRESS_SEED
 *
 * Rounds of half a second, each with other options. Nodes on all workers pass tokens
 * on at random; each token also makes its node do one of these: send a buffer whose
 * bytes are checked, flood somebody until it is muted, share a val, spawn a mayfly and
 * watch it, arm or cancel a timer, start blocking work. When the time is up nobody
 * begins anything new and the round ends by itself, exactly: then all books must
 * balance. Every fourth round is stopped instead. A thread outside sends, too: first
 * with a hold, then without one, into the end of the round; another one reads the
 * counters all the time, between the rounds as well. Exits with 1 and the seed when
 * something is wrong. */
#include "mesh_books.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/sched.h"
#include "../../runtime/timer.h"
#include "../../runtime/work.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  NODES = 24,
  OUTSIDE = NODES, /* the thread that is no worker, as a sender */
  NOBODY,          /* the first tokens */
  BURST = 16,
  TOKENS = 40,
  ROUND_MS = 500,
  FLOOD = 60,
  SHARES = 4
};

static _Atomic(uint64_t) over_ns; /* when this round ends */
static uint64_t round_seed;

static bool over(void)
{
  return foal__clock_ns() > atomic_load_explicit(&over_ns, memory_order_relaxed);
}

/* ---- the actors ---- */

FOAL_TAG(node)
FOAL_TAG(fly)

typedef struct node {
  uint64_t seed;
  uint32_t me, worker;
  bool pinned;
  uint64_t sent[NODES], received[NODES + 1];
  foal_timer timer;
  uint64_t due_ns;
  foal_slot kept;
  foal_val_slot notice;
} node;
FOAL_ACTOR_WITH_END(node)
FOAL_BEHAVIOUR2(node, begin, uint32_t, me, bool, pinned)
FOAL_BEHAVIOUR2(node, token, uint32_t, from, uint64_t, number)
FOAL_BEHAVIOUR2(node, flood, uint32_t, from, uint64_t, number)
FOAL_BEHAVIOUR_ISO(node, parcel)
FOAL_BEHAVIOUR_VAL(node, read)
FOAL_BEHAVIOUR_ISO(node, straggler)
FOAL_TIMER(node, ring)
FOAL_WORK(node, mix)
FOAL_DOWN(node)

typedef struct fly {
  uint32_t calls;
  foal_slot luggage;
} fly;
FOAL_ACTOR_WITH_END(fly)
FOAL_BEHAVIOUR0(fly, call)
FOAL_BEHAVIOUR_ISO(fly, carry)
FOAL_TIMER(fly, sleep)

static node_tag nodes[NODES];

static void node_on_begin(node *self, uint32_t me, bool pinned)
{
  self->me = me;
  self->pinned = pinned;
  self->worker = foal_worker();
  self->seed = round_seed + me;
}

static uint32_t any_node(node *self)
{
  return (uint32_t)(mesh_random(&self->seed) % NODES);
}

static void look_around(const node *self)
{
  if (self->pinned && self->worker != foal_worker()) mesh_note(&mesh_books.misplaced);
}

/* ---- what a token makes its node do ---- */

static void send_parcel(node *self)
{
  foal_buf *b;
  uint64_t seed = mesh_random(&self->seed);
  if (!foal_buf_new(&b, seed % BUF_BYTES_MAX)) return;
  mesh_fill(b, seed);
  if (foal_buf_len(b) == 0) {
    foal_buf_drop(&b);
    return;
  }
  mesh_note(&mesh_books.bufs_sent);
  node_parcel(nodes[any_node(self)], &b);
}

static void send_flood(node *self)
{
  uint32_t to = any_node(self);
  for (int i = 0; i < FLOOD; i++) {
    mesh_note(&mesh_books.tokens_sent);
    node_flood(nodes[to], self->me, self->sent[to]++);
  }
}

static void share_notice(node *self)
{
  foal_buf *b;
  foal_val *v, *copy;
  uint64_t seed = mesh_random(&self->seed);
  if (!foal_buf_new(&b, BUF_BYTES_MAX)) return;
  mesh_fill(b, seed);
  foal_buf_freeze(&b, &v);
  for (int i = 0; i < SHARES; i++) {
    foal_val_share(v, &copy);
    mesh_note(&mesh_books.vals_sent);
    node_read(nodes[any_node(self)], &copy);
  }
  foal_val_slot_put(&self->notice, &v);
}

static bool spawn_fly(node *self, fly_tag *out) FOAL_TURN;
static bool spawn_fly(node *self, fly_tag *out)
{
  uint64_t kind = mesh_random(&self->seed);
  uint32_t worker = (uint32_t)(kind / 4 % foal_workers());
  switch (kind % 4) {
  case 0:
    return fly_spawn_pinned(out, worker);
  case 1:
    return fly_spawn_on(out, worker);
  default:
    return fly_spawn(out);
  }
}

static void let_fly(node *self) FOAL_TURN;
static void let_fly(node *self)
{
  fly_tag f = {0};
  foal_buf *b;
  if (!spawn_fly(self, &f)) return;
  mesh_note(&mesh_books.flies_made);
  mesh_note(&mesh_books.watches);
  node_watch(self, f.any);
  uint64_t calls = mesh_random(&self->seed) % 6;
  for (uint64_t i = 0; i < calls; i++) {
    mesh_note(&mesh_books.fly_calls);
    fly_call(f);
  }
  if (foal_buf_from(&b, "luggage", 7)) fly_carry(f, &b);
  foal_actor_tell_end(f.any, FOAL_TOLD_TO_END);
  mesh_note(
      &mesh_books.fly_calls); /* too late, unless it ended itself: dropped in any case */
  fly_call(f);
}

static void set_timer(node *self) FOAL_TURN;
static void set_timer(node *self)
{
  if (foal_timer_cancel(self->timer)) mesh_note(&mesh_books.timers_cancelled);
  uint64_t delay_ms = mesh_random(&self->seed) % 5;
  self->due_ns = foal__clock_ns() + delay_ms * 1000000;
  mesh_note(&mesh_books.timers_armed);
  self->timer = node_ring_after(self, delay_ms);
}

static void begin_work(node *self) FOAL_TURN;
static void begin_work(node *self)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 1000)) return;
  mesh_fill(b, mesh_random(&self->seed));
  mesh_note(&mesh_books.works_begun);
  node_mix_start(self, &b);
}

static void do_something(node *self) FOAL_TURN;
static void do_something(node *self)
{
  look_around(self);
  switch (mesh_random(&self->seed) % 16) {
  case 0:
  case 1:
  case 2:
  case 3:
    send_parcel(self);
    break;
  case 4:
    send_flood(self);
    break;
  case 5:
    share_notice(self);
    break;
  case 6:
  case 7:
    let_fly(self);
    break;
  case 8:
    set_timer(self);
    break;
  case 9:
    begin_work(self);
    break;
  default:
    break;
  }
}

/* ---- behaviours ---- */

static void receive(node *self, uint32_t from, uint64_t number)
{
  if (self->received[from] != number) mesh_note(&mesh_books.disordered);
  self->received[from] = number + 1;
  mesh_note(from == OUTSIDE ? &mesh_books.outside_done : &mesh_books.tokens_done);
}

static void node_on_flood(node *self, uint32_t from, uint64_t number)
{
  receive(self, from, number);
}

static void node_on_token(node *self, uint32_t from, uint64_t number)
{
  if (from != NOBODY) receive(self, from, number);
  if (over()) return;
  do_something(self);
  uint32_t to = any_node(self);
  mesh_note(&mesh_books.tokens_sent);
  node_token(nodes[to], self->me, self->sent[to]++);
}

static void node_on_parcel(node *self, foal_buf **b)
{
  look_around(self);
  mesh_check(foal_buf_data(*b), foal_buf_len(*b));
  uint64_t choice = mesh_random(&self->seed) % 8;
  mesh_note(&mesh_books.bufs_done);
  if (choice == 0) {
    foal_slot_put(&self->kept, b); /* what was there is dropped */
    return;
  }
  if (choice > 5 || over()) {
    foal_buf_drop(b);
    return;
  }
  uint8_t *bytes = foal_buf_bytes(*b);
  for (size_t i = 0; i < foal_buf_len(*b); i++) bytes[i]++;
  mesh_note(&mesh_books.bufs_sent);
  node_parcel(nodes[any_node(self)], b);
}

static void node_on_read(node *self, foal_val **v)
{
  mesh_check(foal_val_data(*v), foal_val_len(*v));
  mesh_note(&mesh_books.vals_done);
  foal_val_slot_put(&self->notice, v);
}

static void node_on_straggler(node *self, foal_buf **b)
{
  (void)self;
  mesh_check(foal_buf_data(*b), foal_buf_len(*b));
  foal_buf_drop(b);
}

static void node_on_ring(node *self)
{
  mesh_note(&mesh_books.timers_rung);
  if (foal__clock_ns() < self->due_ns) mesh_note(&mesh_books.early);
}

static void node_work_mix(foal_buf **b)
{
  if (foal_worker() != UINT32_MAX) mesh_note(&mesh_books.misplaced);
  mesh_check(foal_buf_data(*b), foal_buf_len(*b));
  uint8_t *bytes = foal_buf_bytes(*b);
  for (size_t i = 0; i < foal_buf_len(*b); i++) bytes[i] = (uint8_t)(bytes[i] + 17);
}

static void node_on_mix(node *self, foal_buf **b)
{
  mesh_check(foal_buf_data(*b), foal_buf_len(*b));
  mesh_note(&mesh_books.works_done);
  foal_slot_put(&self->kept, b);
}

static void node_on_down(node *self, foal_tag who, foal_err why)
{
  (void)self, (void)who, (void)why;
  mesh_note(&mesh_books.downs);
}

static void node_on_end(node *self)
{
  foal_slot_clear(&self->kept);
  foal_val_slot_clear(&self->notice);
}

static void fly_on_call(fly *self)
{
  mesh_note(&mesh_books.fly_calls_done);
  (void)fly_sleep_after(self, 1000); /* ends with it */
  if (++self->calls == 4) foal_actor_end(FOAL_ENDED);
}

static void fly_on_carry(fly *self, foal_buf **b)
{
  foal_slot_put(&self->luggage, b);
}

static void fly_on_sleep(fly *self)
{
  (void)self;
  mesh_note(&mesh_books.misplaced); /* it was ended long ago */
}

static void fly_on_end(fly *self)
{
  foal_slot_clear(&self->luggage);
  mesh_note(&mesh_books.flies_ended);
}

/* ---- threads that are no workers ---- */

static _Atomic(bool) round_ended, all_ended;

static void wait_a_moment(void)
{
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* From here the end of the round may come at any moment, and everything is dropped. */
static void straggle(uint64_t *seed)
{
  while (!atomic_load_explicit(&round_ended, memory_order_relaxed)) {
    foal_buf *b;
    uint64_t draw = mesh_random(seed);
    if (!foal_buf_new(&b, draw % BUF_BYTES_MAX + 1)) continue;
    mesh_fill(b, draw);
    mesh_note(&mesh_books.stragglers);
    node_straggler(nodes[draw % NODES], &b);
    if (draw % 8 == 0) wait_a_moment();
  }
}

static void *send_from_outside(void *unused)
{
  uint64_t seed = round_seed + OUTSIDE, sent[NODES] = {0};
  while (!over() && !atomic_load_explicit(&round_ended, memory_order_relaxed)) {
    for (int i = 0; i < BURST; i++) {
      uint32_t to = (uint32_t)(mesh_random(&seed) % NODES);
      mesh_note(&mesh_books.outside_sent);
      node_flood(nodes[to], OUTSIDE, sent[to]++);
    }
    while (atomic_load_explicit(&mesh_books.outside_done, memory_order_relaxed) !=
               atomic_load_explicit(&mesh_books.outside_sent, memory_order_relaxed) &&
           !atomic_load_explicit(&round_ended, memory_order_relaxed)) {
      wait_a_moment();
    }
  }
  foal_release();
  straggle(&seed);
  return unused;
}

static void *look_on(void *unused)
{
  foal_counters c;
  while (!atomic_load_explicit(&all_ended, memory_order_relaxed)) {
    foal_counters_read(&c);
    if (c.messages_lost != 0) mesh_note(&mesh_books.spoiled);
    wait_a_moment();
  }
  return unused;
}

/* ---- one that stops everything ---- */

typedef struct stopper {
  char unused;
} stopper;
FOAL_TAG(stopper)
FOAL_ACTOR(stopper)
FOAL_TIMER(stopper, stop)
FOAL_BEHAVIOUR1(stopper, stop_in, uint64_t, delay_ms)

static void stopper_on_stop_in(stopper *self, uint64_t delay_ms)
{
  (void)stopper_stop_after(self, delay_ms);
}

static void stopper_on_stop(stopper *self)
{
  (void)self;
  foal_stop(3);
}

/* ---- rounds ---- */

static bool set_up(const foal_options *options, bool stopped)
{
  if (foal_start(options) != FOAL_OK) return false;
  for (uint32_t i = 0; i < NODES; i++) {
    uint32_t worker = i % foal_workers();
    bool pinned = i % 3 == 0;
    bool ok =
        pinned ? node_spawn_pinned(&nodes[i], worker) : node_spawn_on(&nodes[i], worker);
    if (!ok) return false;
    node_begin(nodes[i], i, pinned);
  }
  for (uint32_t i = 0; i < TOKENS; i++) {
    node_token(nodes[i % NODES], NOBODY, 0);
  }
  stopper_tag s;
  if (!stopped) return true;
  if (!stopper_spawn(&s)) return false;
  stopper_stop_in(s, ROUND_MS / 2);
  return true;
}

static int run_round(uint32_t round)
{
  static const uint32_t workers[] = {4, 2, 3, 1}, mailboxes[] = {2, 1000, 16};
  foal_options options = {.workers = workers[round % 4],
                          .mailbox_messages = mailboxes[round % 3],
                          .batch_messages = round % 5 == 1 ? 1 : 0,
                          .spin_us = round % 5 == 2 ? 20 : 0,
                          .keep_signals = true};
  bool stopped = round % 4 == 2;
  foal_counters c;
  memset(&mesh_books, 0, sizeof mesh_books);
  over_ns = foal__clock_ns() + ROUND_MS * UINT64_C(1000000);
  if (!set_up(&options, stopped)) return mesh_complain("cannot start");
  pthread_t outside;
  foal_hold();
  round_ended = false;
  if (pthread_create(&outside, NULL, send_from_outside, NULL) != 0) return 1;
  int status = foal_run();
  round_ended = true;
  pthread_join(outside, NULL);
  foal_counters_read(&c);
  printf(
      "round %u: %lld behaviours, %lld across, %lld moves, %lld mutes, %lld mayflies\n",
      round, (long long)c.messages, (long long)c.messages_remote,
      (long long)c.actors_moved, (long long)c.mutes, (long long)mesh_books.flies_made);
  if (status != (stopped ? 3 : 0)) return mesh_complain("the status is wrong");
  return mesh_balance(&c, stopped);
}

static uint64_t number(int argc, char **argv, int index, const char *name,
                       uint64_t otherwise)
{
  const char *text = argc > index ? argv[index] : getenv(name);
  return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
  uint64_t seconds = number(argc, argv, 1, "FOAL_STRESS_SECONDS", 5);
  uint64_t seed = number(argc, argv, 2, "FOAL_STRESS_SEED", foal__clock_ns());
  uint64_t until_ns = foal__clock_ns() + seconds * UINT64_C(1000000000);
  pthread_t onlooker;
  int wrong = 0;
  printf("seed %llu\n", (unsigned long long)seed);
  if (pthread_create(&onlooker, NULL, look_on, NULL) != 0) return 1;
  for (uint32_t round = 0; wrong == 0; round++) {
    if (round > 0 && foal__clock_ns() >= until_ns) break;
    round_seed = seed + round * UINT64_C(1000003);
    wrong = run_round(round);
    fflush(stdout);
  }
  all_ended = true;
  pthread_join(onlooker, NULL);
  return wrong > 0;
}
