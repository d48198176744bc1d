/* actor_test.c - spawning, tags, ending: what an actor may rely on, and a stale tag. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"
#include "../../runtime/impl/worker.h"

#include <stdatomic.h>

TestSuite(actor, .timeout = 60);

/* ---- one that remembers what happened to it ---- */

typedef struct probe {
  uint64_t zero[4];
  uint64_t number;
  foal_slot held;
  foal_val_slot shared;
} probe;
FOAL_TAG(probe)
FOAL_ACTOR_WITH_END(probe)
FOAL_BEHAVIOUR1(probe, set, uint64_t, number)
FOAL_BEHAVIOUR2(probe, tell, probe_tag, to, uint64_t, number)
FOAL_BEHAVIOUR0(probe, leave)
FOAL_BEHAVIOUR_ISO(probe, hold)
FOAL_BEHAVIOUR_VAL(probe, share)
FOAL_BEHAVIOUR3(probe, chain, uint8_t, a, uint32_t, b, uint64_t, c)

static _Atomic(uint64_t) seen, ended, dirty, self_wrong;

static void probe_on_set(probe *self, uint64_t number)
{
  for (int i = 0; i < 4; i++) dirty += self->zero[i];
  memset(self->zero, 0xff, sizeof self->zero);
  self->number = number;
  seen += number;
}

static void probe_on_tell(probe *self, probe_tag to, uint64_t number)
{
  probe_tag me = probe_self(self);
  if (foal_tag_equal(me.any, to.any)) self_wrong++;
  probe_set(to, number);
}

static void probe_on_leave(probe *self)
{
  (void)self;
  foal_actor_end(FOAL_ENDED);
}

static void probe_on_hold(probe *self, foal_buf **b)
{
  foal_slot_put(&self->held, b);
}

static void probe_on_share(probe *self, foal_val **v)
{
  foal_val_slot_put(&self->shared, v);
}

static void probe_on_chain(probe *self, uint8_t a, uint32_t b, uint64_t c)
{
  (void)self;
  seen = a * UINT64_C(1000000) + b * UINT64_C(1000) + c;
}

static void probe_on_end(probe *self)
{
  foal_slot_clear(&self->held);
  foal_val_slot_clear(&self->shared);
  ended++;
}

static probe_tag probe_new(void)
{
  probe_tag tag;
  if (!probe_spawn(&tag)) abort();
  return tag;
}

Test(actor, is_spawned_zeroed_and_runs)
{
  start(1);
  for (uint64_t i = 1; i <= 1000; i++) probe_set(probe_new(), i);
  cr_expect_eq(finish(), 0);
  cr_expect_eq(seen, 500500);
  cr_expect_eq(dirty, 0);
  cr_expect_eq(ended, 1000);
  cr_expect_eq(counters().actors_spawned, 1000);
  cr_expect_eq(counters().messages, 1000);
}

Test(actor, gets_all_its_arguments)
{
  start(1);
  probe_chain(probe_new(), 7, 123, 456);
  finish();
  cr_expect_eq(seen, 7123456);
}

Test(actor, knows_its_tag)
{
  start(1);
  probe_tag a = probe_new(), b = probe_new(), nobody = {0};
  cr_expect(foal_tag_is_nobody(nobody.any));
  cr_expect_not(foal_tag_is_nobody(a.any));
  cr_expect(foal_tag_equal(a.any, a.any));
  cr_expect_not(foal_tag_equal(a.any, b.any));
  cr_expect_not(foal_tag_equal(a.any, nobody.any));
  probe_tell(a, b, 5);
  finish();
  cr_expect_eq(seen, 5);
  cr_expect_eq(self_wrong, 0);
}

FOAL_TRUSTED Test(actor, nobody_gets_nothing_and_payloads_are_freed)
{
  foal_buf *b, *frozen;
  foal_val *v;
  probe_tag nobody = {0};
  start(1);
  probe_set(nobody, 1);
  if (!foal_buf_new(&b, 100) || !foal_buf_new(&frozen, 100)) abort();
  foal_buf_freeze(&frozen, &v);
  probe_hold(nobody, &b);
  probe_share(nobody, &v);
  foal_actor_tell_end(nobody.any, FOAL_ENDED);
  finish();
  cr_expect_eq(seen, 0);
  cr_expect_eq(counters().messages_dropped, 4);
}

FOAL_TRUSTED static void send_all_kinds(probe_tag to)
{
  foal_buf *b, *frozen;
  foal_val *v;
  if (!foal_buf_new(&b, 100) || !foal_buf_new(&frozen, 100)) abort();
  foal_buf_freeze(&frozen, &v);
  probe_hold(to, &b);
  probe_share(to, &v);
  probe_set(to, 1000);
}

Test(actor, end_drops_what_was_behind_it)
{
  start(1);
  probe_tag a = probe_new();
  probe_set(a, 1);
  send_all_kinds(a);
  probe_leave(a);
  send_all_kinds(a);
  probe_leave(a);
  finish();
  cr_expect_eq(seen, 1001);
  cr_expect_eq(ended, 1);
  cr_expect_eq(counters().messages_dropped, 4);
}

Test(actor, tell_end_keeps_its_place_in_line)
{
  start(1);
  probe_tag a = probe_new();
  probe_set(a, 1);
  foal_actor_tell_end(a.any, FOAL_TOLD_TO_END);
  probe_set(a, 100);
  finish();
  cr_expect_eq(seen, 1);
  cr_expect_eq(ended, 1);
}

Test(actor, what_is_left_at_the_end_is_ended_with_its_mail_freed)
{
  start(2);
  probe_tag here = probe_new(), there;
  if (!probe_spawn_pinned(&there, 1)) abort();
  send_all_kinds(here);
  send_all_kinds(there);
  foal_stop(3); /* nobody runs any more */
  cr_expect_eq(finish(), 3);
  cr_expect_eq(ended, 2);
}

/* ---- stale tags ---- */

/* Keeps the tags of ended children and goes on sending to them, while new children
 * take over their slots. */
typedef struct parent {
  probe_tag stale, first;
  uint64_t rounds;
} parent;
FOAL_TAG(parent)
FOAL_ACTOR(parent)
FOAL_BEHAVIOUR0(parent, go)

static uint64_t reused;

static void parent_on_go(parent *self)
{
  probe_tag child = probe_new();
  if (child.any.slot_ == self->stale.any.slot_) reused++;
  probe_set(self->stale, 1000000);
  probe_set(child, 1);
  probe_leave(child);
  probe_set(self->stale, 1000000);
  probe_set(self->first, 1000000);
  self->stale = child;
  if (foal_tag_is_nobody(self->first.any)) self->first = child;
  if (--self->rounds > 0) parent_go(parent_self(self));
}

FOAL_BEHAVIOUR1(parent, begin, uint64_t, rounds)
static void parent_on_begin(parent *self, uint64_t rounds)
{
  self->rounds = rounds;
  parent_go(parent_self(self));
}

Test(actor, stale_tags_never_reach_the_next_in_the_slot)
{
  enum { ROUNDS = INSTRUMENTED ? 20000 : 140000 }; /* more than 16 bits */
  parent_tag p;
  start_with((foal_options){.workers = 1, .batch_messages = 1}); /* a child's turn each */
  if (!parent_spawn(&p)) abort();
  parent_begin(p, ROUNDS);
  finish();
  cr_expect_eq(seen, ROUNDS);
  cr_expect_eq(ended, ROUNDS);
  cr_expect_gt(reused, ROUNDS / 2, "the test is about reused slots");
  cr_expect_eq(counters().messages_dropped, 3 * ROUNDS);
}

/* A stale message lies in a slot that is spawned into on another worker at once. */
typedef struct mover {
  probe_tag stale;
  uint64_t rounds;
} mover;
FOAL_TAG(mover)
FOAL_ACTOR(mover)
FOAL_BEHAVIOUR1(mover, go, uint64_t, rounds)

static void mover_on_go(mover *self, uint64_t rounds)
{
  probe_tag child;
  probe_set(self->stale, 1000000);
  if (!probe_spawn_on(&child, (uint32_t)(rounds % foal_workers()))) abort();
  probe_set(child, 1);
  probe_leave(child);
  probe_set(child, 1000000);
  self->stale = child;
  if (rounds > 1) mover_go(mover_self(self), rounds - 1);
}

Test(actor, stale_mail_does_not_follow_to_another_worker)
{
  enum { ROUNDS = 5000, MOVERS = 4 };
  start(4);
  for (uint32_t i = 0; i < MOVERS; i++) {
    mover_tag m;
    if (!mover_spawn_on(&m, i)) abort();
    mover_go(m, ROUNDS);
  }
  finish();
  cr_expect_eq(seen, ROUNDS * MOVERS);
  cr_expect_eq(ended, ROUNDS * MOVERS);
  cr_expect_eq(dirty, 0);
}

/* Many dead slots with mail waiting, and as many births in the same turn. */
FOAL_BEHAVIOUR1(mover, broadcast, uint64_t, count)
static void mover_on_broadcast(mover *self, uint64_t count)
{
  probe_tag tags[512];
  (void)self;
  for (uint64_t i = 0; i < count; i++) tags[i] = probe_new();
  for (uint64_t i = 0; i < count; i++) probe_leave(tags[i]);
  for (uint64_t i = 0; i < count; i++) probe_set(tags[i], 1000000);
}

Test(actor, births_among_dead_slots_with_mail)
{
  mover_tag m;
  start(1);
  if (!mover_spawn(&m)) abort();
  for (int i = 0; i < 20; i++) mover_broadcast(m, 512);
  finish();
  cr_expect_eq(seen, 0);
  cr_expect_eq(ended, 20 * 512);
}

/* ---- sizes ---- */

typedef struct large {
  uint8_t bytes[100000];
  uint64_t sum;
} large;
FOAL_TAG(large)
FOAL_ACTOR(large)
FOAL_BEHAVIOUR0(large, fill)

typedef struct empty {
  char nothing;
} empty;
FOAL_TAG(empty)
FOAL_ACTOR(empty)
FOAL_BEHAVIOUR0(empty, fill)

typedef struct wide {
  _Alignas(16) uint8_t bytes[1000];
} wide;
FOAL_TAG(wide)
FOAL_ACTOR(wide)
FOAL_BEHAVIOUR0(wide, fill)

static uint64_t sum_of(const uint8_t *bytes, size_t len)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < len; i++) sum += bytes[i];
  return sum;
}

static void large_on_fill(large *self)
{
  dirty += sum_of(self->bytes, sizeof self->bytes) + self->sum;
  memset(self, 0xff, sizeof *self);
  seen++;
  foal_actor_end(FOAL_ENDED);
}

static void empty_on_fill(empty *self)
{
  dirty += self->nothing != 0;
  self->nothing = 1;
  seen++;
  foal_actor_end(FOAL_ENDED);
}

static void wide_on_fill(wide *self)
{
  dirty += (uintptr_t)self % 16 + sum_of(self->bytes, sizeof self->bytes);
  memset(self, 0xff, sizeof *self);
  seen++;
  foal_actor_end(FOAL_ENDED);
}

Test(actor, states_of_all_sizes)
{
  for (int round = 0; round < 3; round++) {
    start(1);
    for (int i = 0; i < 100; i++) {
      large_tag l;
      empty_tag e;
      wide_tag w;
      if (!large_spawn(&l) || !empty_spawn(&e) || !wide_spawn(&w)) abort();
      large_fill(l);
      empty_fill(e);
      wide_fill(w);
    }
    finish();
  }
  cr_expect_eq(seen, 900);
  cr_expect_eq(dirty, 0);
}

/* A head of the library's before the user's state. */
static void headed_run(void *self, foal_msg *m)
{
  uint64_t *head = (uint64_t *)(void *)((char *)self - 32);
  foal__message_done(m);
  for (int i = 0; i < 4; i++) dirty += head[i]++;
  dirty += ++((probe *)self)->number - 1;
  seen++;
}

static void headed_end(void *self)
{
  seen += 10 * ((probe *)self)->number;
}

Test(actor, with_a_head_before_its_state)
{
  static const foal_behaviour run = {headed_run, NULL, "headed", "run", false};
  static const foal_type small = {"headed", sizeof(probe), headed_end};
  static const foal_type big = {"headed", 5000, headed_end};
  foal_tag a, b;
  start(1);
  if (!foal__spawn_headed(&a, &small, 32, 0, 0)) abort();
  if (!foal__spawn_headed(&b, &big, 32, 0, FOAL_SPAWN_PINNED_)) abort();
  foal__post_args(a, foal__message(&run));
  foal__post_args(b, foal__message(&run));
  finish();
  cr_expect_eq(seen, 22);
  cr_expect_eq(dirty, 0);
}

/* ---- many ---- */

typedef struct node {
  char unused;
} node;
FOAL_TAG(node)
FOAL_ACTOR(node)
FOAL_BEHAVIOUR1(node, grow, uint32_t, depth)

static void node_on_grow(node *self, uint32_t depth)
{
  (void)self;
  for (int i = 0; i < 10 && depth > 0; i++) {
    node_tag child;
    if (!node_spawn(&child)) abort();
    node_grow(child, depth - 1);
  }
  seen++;
  foal_actor_end(FOAL_ENDED);
}

Test(actor, trees_grow_depth_first)
{
  node_tag root;
  start(1);
  if (!node_spawn(&root)) abort();
  node_grow(root, 5);
  finish();
  cr_expect_eq(seen, 111111);
  cr_expect_eq(counters().actors_spawned, 111111);
}

/* ---- the end of an actor as its last turn ---- */

typedef struct dying {
  probe_tag heir;
} dying;
FOAL_TAG(dying)
FOAL_ACTOR_WITH_END(dying)
FOAL_BEHAVIOUR1(dying, begin, probe_tag, heir)
FOAL_BEHAVIOUR0(dying, stop_all)

static void dying_on_begin(dying *self, probe_tag heir)
{
  self->heir = heir;
  foal_actor_end(FOAL_ENDED);
  foal_actor_end(FOAL_TOLD_TO_END); /* only the first one counts */
}

static void dying_on_stop_all(dying *self)
{
  (void)self;
  foal_stop(9);
}

static void dying_on_end(dying *self)
{
  foal_buf *b;
  probe_tag child;
  if (!foal_buf_new(&b, 10)) abort();
  probe_hold(self->heir, &b);
  probe_set(self->heir, 7);
  if (probe_spawn(&child)) probe_set(child, 100);
}

Test(actor, may_send_and_spawn_for_the_last_time)
{
  dying_tag d;
  start(1);
  if (!dying_spawn(&d)) abort();
  dying_begin(d, probe_new());
  finish();
  cr_expect_eq(seen, 107);
  cr_expect_eq(ended, 2);
}

Test(actor, nobody_is_made_when_the_program_ends)
{
  start(3);
  for (uint32_t i = 0; i < 9; i++) {
    dying_tag d;
    if (!dying_spawn_on(&d, i % 3)) abort();
    if (i == 8) dying_stop_all(d);
  }
  cr_expect_eq(finish(), 9);
  cr_expect_eq(seen, 0);
  cr_expect_eq(counters().actors_spawned, 9);
}
