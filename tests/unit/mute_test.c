/* mute_test.c - full mailboxes stop their senders, every sender goes on again, and no
 * circle of full mailboxes stands still. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"

#include <stdatomic.h>

TestSuite(mute, .timeout = 60);

enum { HIGH = 64, HIGH_BUSY = 1000, BURST = 10, PRODUCERS = 4 };

static _Atomic(int64_t) waiting, waiting_max, handled;

static void note_sent(void)
{
  int64_t now = ++waiting, max = waiting_max;
  while (now > max && !atomic_compare_exchange_weak(&waiting_max, &max, now)) (void)0;
}

static void note_handled(void)
{
  waiting--;
  handled++;
}

/* ---- producers and a consumer ---- */

typedef struct consumer {
  uint64_t items;
} consumer;
FOAL_TAG(consumer)
FOAL_ACTOR(consumer)
FOAL_BEHAVIOUR1(consumer, item, uint64_t, work_ns)
FOAL_BEHAVIOUR0(consumer, after_item)
FOAL_BEHAVIOUR1(consumer, busy_item, uint64_t, work_ns)
FOAL_BEHAVIOUR0(consumer, last_item)

typedef struct producer {
  consumer_tag to;
  uint32_t left, kind;
} producer;
FOAL_TAG(producer)
FOAL_ACTOR(producer)
FOAL_BEHAVIOUR3(producer, begin, consumer_tag, to, uint32_t, count, uint32_t, kind)
FOAL_BEHAVIOUR0(producer, go)

enum { PLAIN, BUSY, FATAL };

static void spend(uint64_t ns)
{
  uint64_t until = foal__clock_ns() + ns;
  while (foal__clock_ns() < until) (void)0;
}

static void consumer_on_item(consumer *self, uint64_t work_ns)
{
  self->items++;
  spend(work_ns);
  note_handled();
}

/* Each item makes the consumer send to itself. */
static void consumer_on_busy_item(consumer *self, uint64_t work_ns)
{
  consumer_on_item(self, work_ns);
  note_sent();
  consumer_after_item(consumer_self(self));
}

static void consumer_on_after_item(consumer *self)
{
  (void)self;
  note_handled();
}

static void consumer_on_last_item(consumer *self)
{
  if (++self->items == 3) foal_actor_end(FOAL_ENDED);
}

static void producer_on_begin(producer *self, consumer_tag to, uint32_t count,
                              uint32_t kind)
{
  self->to = to;
  self->left = count;
  self->kind = kind;
  producer_go(producer_self(self));
}

static void producer_on_go(producer *self)
{
  for (int i = 0; i < BURST; i++) {
    note_sent();
    switch (self->kind) {
    case PLAIN:
      consumer_item(self->to, 2000);
      break;
    case BUSY:
      consumer_busy_item(self->to, 2000);
      break;
    default:
      consumer_last_item(self->to);
    }
  }
  if (--self->left > 0) producer_go(producer_self(self));
}

static void produce(uint32_t workers, uint32_t kind, uint32_t count)
{
  consumer_tag c;
  uint32_t high = kind == BUSY ? HIGH_BUSY : HIGH;
  start_with((foal_options){.workers = workers, .mailbox_messages = high});
  if (!consumer_spawn_pinned(&c, 0)) abort();
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    producer_tag p;
    if (!producer_spawn_pinned(&p, workers > 1 ? 1 + i % (workers - 1) : 0)) abort();
    producer_begin(p, c, count, kind);
  }
  finish();
}

static void check_bounded(int64_t sent)
{
  /* Full when the last chain was taken, and full again: each sender once beyond the
   * limit. */
  int64_t bound = 2 * (HIGH + PRODUCERS * BURST);
  cr_expect_eq(handled, sent);
  cr_expect_eq(waiting, 0);
  cr_expect_leq(waiting_max, bound, "%lld messages", (long long)waiting_max);
  cr_expect_gt(counters().mutes, 0);
}

Test(mute, bounds_a_mailbox_on_one_worker)
{
  produce(1, PLAIN, 300);
  check_bounded((int64_t)PRODUCERS * BURST * 300);
}

Test(mute, bounds_a_mailbox_across_workers)
{
  produce(3, PLAIN, 300);
  check_bounded((int64_t)PRODUCERS * BURST * 300);
}

Test(mute, bounds_a_mailbox_whose_owner_sends_to_itself)
{
  /* Each item makes the owner look into the inbox, long before it is full. */
  produce(3, BUSY, 2000);
  cr_expect_eq(handled, 2 * PRODUCERS * BURST * 2000);
  /* Each waiting item may have made another message. */
  int64_t bound = 4 * (HIGH_BUSY + PRODUCERS * BURST);
  cr_expect_leq(waiting_max, bound, "%lld messages", (long long)waiting_max);
}

Test(mute, lets_go_when_the_receiver_ends)
{
  for (uint32_t round = 0; round < 20; round++) {
    produce(round % 3 + 1, FATAL, 30);
    cr_assert_eq(counters().messages_dropped, PRODUCERS * BURST * 30 - 3);
  }
}

/* ---- circles ---- */

/* Each message but the last is passed on, and some of them breed. */
typedef struct circle {
  uint64_t seed;
} circle;
FOAL_TAG(circle)
FOAL_ACTOR(circle)
FOAL_BEHAVIOUR1(circle, flood, uint32_t, count)
FOAL_BEHAVIOUR1(circle, pass, uint32_t, left)

enum { CIRCLE_MAX = 8 };
static circle_tag members[CIRCLE_MAX];
static uint32_t size;

static circle_tag next_of(circle *self) FOAL_TURN;
static circle_tag next_of(circle *self)
{
  circle_tag me = circle_self(self);
  for (uint32_t i = 0; i < size; i++) {
    if (foal_tag_equal(members[i].any, me.any)) return members[(i + 1) % size];
  }
  abort();
}

static void circle_on_flood(circle *self, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) circle_pass(next_of(self), 3);
}

static void circle_on_pass(circle *self, uint32_t left)
{
  handled++;
  if (left > 0) circle_pass(next_of(self), left - 1);
}

static void flood_circle(uint32_t workers, uint32_t members_count, uint32_t rounds)
{
  size = members_count;
  for (uint32_t round = 0; round < rounds; round++) {
    handled = 0;
    start_with((foal_options){.workers = workers, .mailbox_messages = 8});
    for (uint32_t i = 0; i < size; i++) {
      if (!circle_spawn_pinned(&members[i], i % workers)) abort();
    }
    for (uint32_t i = 0; i < size; i++) circle_flood(members[i], 50);
    finish();
    cr_assert_eq(handled, size * 50 * 4, "round %u", round);
  }
}

Test(mute, a_pair_that_floods_each_other_goes_on)
{
  flood_circle(2, 2, 200);
}

Test(mute, a_ring_of_full_mailboxes_goes_on)
{
  flood_circle(1, 5, 20);
  flood_circle(3, 6, 100);
  flood_circle(4, 8, 50);
}

/* Everybody floods everybody. */
typedef struct mesh {
  uint64_t seed;
} mesh;
FOAL_TAG(mesh)
FOAL_ACTOR(mesh)
FOAL_BEHAVIOUR1(mesh, pass, uint32_t, left)

static mesh_tag mates[CIRCLE_MAX];

static void mesh_on_pass(mesh *self, uint32_t left)
{
  handled++;
  for (uint32_t i = 0; i < 3 && left > 0; i++) {
    self->seed = self->seed * UINT64_C(6364136223846793005) + 1;
    mesh_pass(mates[(self->seed >> 33) % CIRCLE_MAX], left - 1);
  }
}

Test(mute, a_mesh_of_full_mailboxes_goes_on)
{
  for (uint32_t round = 0; round < 30; round++) {
    handled = 0;
    start_with((foal_options){.workers = round % 4 + 1, .mailbox_messages = 4});
    for (uint32_t i = 0; i < CIRCLE_MAX; i++) {
      if (!mesh_spawn_on(&mates[i], i % foal_workers())) abort();
    }
    for (uint32_t i = 0; i < CIRCLE_MAX; i++) mesh_pass(mates[i], 5);
    finish();
    cr_assert_eq(handled, CIRCLE_MAX * 364, "round %u", round);
  }
}

/* ---- a chain: the pressure goes back to the source ---- */

typedef struct stage {
  uint32_t number;
} stage;
FOAL_TAG(stage)
FOAL_ACTOR(stage)
FOAL_BEHAVIOUR1(stage, item, uint32_t, number)
FOAL_BEHAVIOUR1(stage, produce, uint32_t, left)

enum { STAGES = 4 };
static stage_tag stages[STAGES];

static void stage_on_item(stage *self, uint32_t number)
{
  (void)self;
  if (number + 1 < STAGES) {
    stage_item(stages[number + 1], number + 1);
    return;
  }
  spend(3000);
  note_handled();
}

static void stage_on_produce(stage *self, uint32_t left)
{
  note_sent();
  stage_item(stages[1], 1);
  if (left > 1) stage_produce(stage_self(self), left - 1);
}

Test(mute, pressure_reaches_the_source)
{
  start_with((foal_options){.workers = 2, .mailbox_messages = HIGH});
  for (uint32_t i = 0; i < STAGES; i++) {
    if (!stage_spawn_pinned(&stages[i], i % 2)) abort();
  }
  stage_produce(stages[0], 10000);
  finish();
  cr_expect_eq(handled, 10000);
  int64_t bound = STAGES * 3 * HIGH;
  cr_expect_leq(waiting_max, bound, "%lld messages", (long long)waiting_max);
}

/* ---- the end ---- */

typedef struct stopper {
  char unused;
} stopper;
FOAL_TAG(stopper)
FOAL_ACTOR(stopper)
FOAL_BEHAVIOUR1(stopper, wait, uint32_t, left)
static void stopper_on_wait(stopper *self, uint32_t left)
{
  if (left == 0) {
    foal_stop(2);
  } else {
    stopper_wait(stopper_self(self), left - 1);
  }
}

Test(mute, muted_senders_do_not_hinder_a_stop)
{
  for (uint32_t round = 0; round < 10; round++) {
    consumer_tag c;
    producer_tag p;
    stopper_tag s;
    start_with((foal_options){.workers = 2, .mailbox_messages = 4});
    if (!consumer_spawn_pinned(&c, 0) || !stopper_spawn_on(&s, 0)) abort();
    for (uint32_t i = 0; i < PRODUCERS; i++) {
      if (!producer_spawn_on(&p, i % 2)) abort();
      producer_begin(p, c, 10000, PLAIN);
    }
    stopper_wait(s, 200 * round);
    cr_assert_eq(finish(), 2);
  }
}
