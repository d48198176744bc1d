/* mailbox_test.c - order and exactly-once, on one worker, across workers, and while
 * actors move between them. */
#include "run.h"

#include "../../runtime/actor.h"

#include <pthread.h>
#include <stdatomic.h>

TestSuite(mailbox, .timeout = 60);

enum { SENDERS_MAX = 16 };

/* ---- one pair is FIFO, exactly once ---- */

/* Expects 0, 1, 2, ... from each sender. */
typedef struct receiver {
  uint64_t next[SENDERS_MAX];
} receiver;
FOAL_TAG(receiver)
FOAL_ACTOR(receiver)
FOAL_BEHAVIOUR2(receiver, take, uint32_t, from, uint64_t, number)

static _Atomic(uint64_t) received, disordered;

static void receiver_on_take(receiver *self, uint32_t from, uint64_t number)
{
  if (number != self->next[from]) disordered++;
  self->next[from] = number + 1;
  received++;
}

typedef struct sender {
  receiver_tag to;
  uint32_t me;
  uint64_t next, end;
} sender;
FOAL_TAG(sender)
FOAL_ACTOR(sender)
FOAL_BEHAVIOUR3(sender, begin, receiver_tag, to, uint32_t, number, uint64_t, count)
FOAL_BEHAVIOUR0(sender, go)

static void sender_on_begin(sender *self, receiver_tag to, uint32_t number,
                            uint64_t count)
{
  self->to = to;
  self->me = number;
  self->end = count;
  sender_go(sender_self(self));
}

static void sender_on_go(sender *self)
{
  for (int i = 0; i < 7 && self->next < self->end; i++) {
    receiver_take(self->to, self->me, self->next++);
  }
  if (self->next < self->end) sender_go(sender_self(self));
}

static receiver_tag receiver_new(uint32_t worker, bool pinned)
{
  receiver_tag tag;
  bool ok =
      pinned ? receiver_spawn_pinned(&tag, worker) : receiver_spawn_on(&tag, worker);
  if (!ok) abort();
  return tag;
}

static void pairs(uint32_t workers, bool pinned, uint64_t count)
{
  start(workers);
  receiver_tag r = receiver_new(0, pinned);
  for (uint32_t i = 0; i < SENDERS_MAX; i++) {
    sender_tag s;
    bool ok =
        pinned ? sender_spawn_pinned(&s, i % workers) : sender_spawn_on(&s, i % workers);
    if (!ok) abort();
    sender_begin(s, r, i, count);
  }
  finish();
  cr_expect_eq(received, SENDERS_MAX * count);
  cr_expect_eq(disordered, 0);
}

Test(mailbox, is_fifo_on_one_worker)
{
  pairs(1, false, 5000);
}

Test(mailbox, is_fifo_between_pinned_workers)
{
  pairs(4, true, 5000);
  cr_expect_gt(counters().messages_remote, 0);
}

Test(mailbox, is_fifo_while_actors_move)
{
  pairs(4, false, 5000);
}

Test(mailbox, one_message_batches_change_nothing)
{
  start_with((foal_options){.workers = 3, .batch_messages = 1, .mailbox_messages = 4});
  receiver_tag r = receiver_new(1, false);
  for (uint32_t i = 0; i < SENDERS_MAX; i++) {
    sender_tag s;
    if (!sender_spawn_on(&s, i % 3)) abort();
    sender_begin(s, r, i, 500);
  }
  finish();
  cr_expect_eq(received, SENDERS_MAX * 500);
  cr_expect_eq(disordered, 0);
}

/* ---- causal order ---- */

/* The origin tells the judge a number, then a relay, which tells the judge: the judge
 * must have heard it from the origin by then. */
typedef struct judge {
  uint64_t heard[SENDERS_MAX];
} judge;
FOAL_TAG(judge)
FOAL_ACTOR(judge)
FOAL_BEHAVIOUR2(judge, hear, uint32_t, from, uint64_t, number)
FOAL_BEHAVIOUR2(judge, check, uint32_t, from, uint64_t, number)

typedef struct relay {
  judge_tag to;
} relay;
FOAL_TAG(relay)
FOAL_ACTOR(relay)
FOAL_BEHAVIOUR3(relay, pass, judge_tag, to, uint32_t, from, uint64_t, number)

typedef struct origin {
  judge_tag to;
  relay_tag via;
  uint32_t me;
  uint64_t left;
} origin;
FOAL_TAG(origin)
FOAL_ACTOR(origin)
FOAL_BEHAVIOUR3(origin, begin, judge_tag, to, relay_tag, via, uint32_t, number)
FOAL_BEHAVIOUR0(origin, go)

static void judge_on_hear(judge *self, uint32_t from, uint64_t number)
{
  self->heard[from] = number;
}

static void judge_on_check(judge *self, uint32_t from, uint64_t number)
{
  if (self->heard[from] < number) disordered++;
  received++;
}

static void relay_on_pass(relay *self, judge_tag to, uint32_t from, uint64_t number)
{
  (void)self;
  judge_check(to, from, number);
}

static void origin_on_begin(origin *self, judge_tag to, relay_tag via, uint32_t number)
{
  self->to = to;
  self->via = via;
  self->me = number;
  self->left = 3000;
  origin_go(origin_self(self));
}

static void origin_on_go(origin *self)
{
  uint64_t number = 3001 - self->left;
  judge_hear(self->to, self->me, number);
  relay_pass(self->via, self->to, self->me, number);
  if (--self->left > 0) origin_go(origin_self(self));
}

static void triangle(bool pinned)
{
  start(3);
  judge_tag j;
  if (!(pinned ? judge_spawn_pinned(&j, 0) : judge_spawn_on(&j, 0))) abort();
  for (uint32_t i = 0; i < SENDERS_MAX; i++) {
    relay_tag r;
    origin_tag o;
    uint32_t a = i % 3, b = i / 3 % 3;
    if (!(pinned ? relay_spawn_pinned(&r, a) : relay_spawn_on(&r, a))) abort();
    if (!(pinned ? origin_spawn_pinned(&o, b) : origin_spawn_on(&o, b))) abort();
    origin_begin(o, j, r, i);
  }
  finish();
  cr_expect_eq(received, SENDERS_MAX * 3000);
  cr_expect_eq(disordered, 0);
}

Test(mailbox, is_causal_between_pinned_workers)
{
  triangle(true);
}

Test(mailbox, is_causal_while_actors_move)
{
  triangle(false);
}

/* ---- threads that are no workers ---- */

typedef struct outside {
  receiver_tag to;
  uint32_t me;
  uint64_t count;
} outside;

static void *send_from_outside(void *arg)
{
  const outside *o = arg;
  for (uint64_t i = 0; i < o->count; i++) receiver_take(o->to, o->me, i);
  foal_release();
  return NULL;
}

Test(mailbox, takes_messages_of_other_threads_in_order)
{
  enum { THREADS = 3, COUNT = 20000 };
  pthread_t threads[THREADS];
  outside args[THREADS];
  start(2);
  receiver_tag r = receiver_new(1, false);
  for (uint32_t i = 0; i < THREADS; i++) {
    args[i] = (outside){r, i, COUNT};
    foal_hold();
    cr_assert_eq(pthread_create(&threads[i], NULL, send_from_outside, &args[i]), 0);
  }
  finish();
  for (uint32_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  cr_expect_eq(received, THREADS * COUNT);
  cr_expect_eq(disordered, 0);
}

/* ---- buffers and vals between workers ---- */

typedef struct hop {
  uint32_t unused;
} hop;
FOAL_TAG(hop)
FOAL_ACTOR(hop)

typedef struct ring_step {
  uint32_t left;
} ring_step;
FOAL_BEHAVIOUR_ISO1(hop, pass, ring_step, step)
FOAL_BEHAVIOUR_VAL(hop, look)

enum { HOPS = 8 };
static hop_tag ring[HOPS];
static _Atomic(uint64_t) spoiled, arrived;

static bool intact(const uint8_t *bytes, size_t len)
{
  for (size_t i = 1; i < len; i++) {
    if (bytes[i] != (uint8_t)(bytes[0] + i)) return false;
  }
  return len > 0;
}

static void hop_on_pass(hop *self, foal_buf **b, ring_step step)
{
  (void)self;
  uint8_t *bytes = foal_buf_bytes(*b);
  size_t len = foal_buf_len(*b);
  if (!intact(bytes, len)) spoiled++;
  for (size_t i = 0; i < len; i++) bytes[i]++;
  if (step.left == 0) {
    arrived++;
    foal_buf_drop(b);
    return;
  }
  step.left--;
  hop_pass(ring[step.left % HOPS], b, step);
}

static void hop_on_look(hop *self, foal_val **v)
{
  (void)self;
  if (!intact(foal_val_data(*v), foal_val_len(*v))) spoiled++;
  arrived++;
  foal_val_drop(v);
}

FOAL_TRUSTED static foal_buf *pattern(size_t len)
{
  foal_buf *b;
  if (!foal_buf_new(&b, len)) abort();
  for (size_t i = 0; i < len; i++) foal_buf_tail(b)[i] = (uint8_t)(len + i);
  foal_buf_extend(b, len);
  return b;
}

static void ring_new(uint32_t workers)
{
  start(workers);
  for (uint32_t i = 0; i < HOPS; i++) {
    if (!hop_spawn_on(&ring[i], i % workers)) abort();
  }
}

FOAL_TRUSTED Test(mailbox, buffers_travel_unspoiled)
{
  size_t sizes[] = {1, 500, 3000, 16384, 65536, 200000};
  ring_new(4);
  for (uint32_t i = 0; i < 60; i++) {
    foal_buf *b = pattern(sizes[i % 6]);
    hop_pass(ring[i % HOPS], &b, (ring_step){50});
  }
  finish();
  cr_expect_eq(arrived, 60);
  cr_expect_eq(spoiled, 0);
}

FOAL_TRUSTED Test(mailbox, vals_are_read_everywhere_and_freed_once)
{
  ring_new(4);
  for (uint32_t i = 0; i < 200; i++) {
    foal_buf *b = pattern(3000);
    foal_val *v, *copy;
    foal_buf_freeze(&b, &v);
    for (uint32_t k = 0; k < HOPS; k++) {
      foal_val_share(v, &copy);
      hop_look(ring[k], &copy);
    }
    foal_val_drop(&v);
  }
  finish();
  cr_expect_eq(arrived, 200 * HOPS);
  cr_expect_eq(spoiled, 0);
}
