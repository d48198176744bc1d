/* batch_test.c - what a batch writes late is right when it is over: where the queue
 * begins, where it ends, and how long it is; however the batch ended, nothing is out of
 * order. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/clock.h"
#include "../../runtime/impl/mailbox.h"

TestSuite(batch, .timeout = 60);

/* All on one worker, so nothing here is shared. */
static uint64_t sent, handled, disordered, wrong, looks, waiting_max;

static void spend(uint64_t ns)
{
  uint64_t until = foal__clock_ns() + ns;
  while (foal__clock_ns() < until) (void)0;
}

/* Between turns: the queue of this slot is as long as it says, and ends where it says. */
static void check_queue(const foal_actor *x)
{
  foal_msg *const *end = &x->head;
  uint32_t count = 0;
  for (foal_msg *m = x->head; m != NULL; m = m->next_, count++) end = &m->next_;
  if (count != x->queued || end != x->end) wrong++;
  if (count > 0 && !x->scheduled) wrong++;
  looks++;
}

/* ---- numbered messages, and one that makes more of them in mid-batch ---- */

typedef struct sink {
  uint64_t items;
} sink;
FOAL_TAG(sink)
FOAL_ACTOR(sink)
FOAL_BEHAVIOUR0(sink, item)

typedef struct counter {
  uint64_t seed;
  uint32_t spend_ns;
} counter;
FOAL_TAG(counter)
FOAL_ACTOR(counter)
FOAL_BEHAVIOUR1(counter, take, uint64_t, number)

/* Looks at another one between its turns. */
typedef struct looker {
  counter_tag at;
} looker;
FOAL_TAG(looker)
FOAL_ACTOR(looker)
FOAL_BEHAVIOUR1(looker, look, counter_tag, at)

enum { TOTAL = 20000 };
static sink_tag drain;
static bool drained;
static uint32_t work_ns;

static void sink_on_item(sink *self)
{
  self->items++;
}

static uint32_t draw(counter *self, uint32_t below)
{
  self->seed = self->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (uint32_t)(self->seed >> 33) % below;
}

static void counter_on_take(counter *self, uint64_t number)
{
  if (number != handled) disordered++;
  handled++;
  if (work_ns > 0) spend(work_ns);
  if (drained) sink_item(drain);
  /* Always when this was the last one: the queue is empty then, and so in mid-batch. */
  uint32_t more = handled == sent ? 1 + draw(self, 40) : draw(self, 8) == 0;
  for (; more > 0 && sent < TOTAL; more--) counter_take(counter_self(self), sent++);
}

static void looker_on_look(looker *self, counter_tag at)
{
  check_queue(at.any.slot_);
  if (handled < TOTAL) looker_look(looker_self(self), at);
}

static void count_on(foal_options options, uint64_t first)
{
  counter_tag c;
  looker_tag l;
  sent = handled = looks = 0;
  options.workers = 1;
  start_with(options);
  if (!counter_spawn(&c) || !looker_spawn(&l) || !sink_spawn(&drain)) abort();
  while (sent < first) counter_take(c, sent++);
  looker_look(l, c);
  finish();
  cr_assert_eq(handled, TOTAL);
  cr_assert_eq(disordered, 0);
  cr_assert_eq(wrong, 0);
  cr_assert_gt(looks, 0);
  cr_assert_eq(counters().messages_dropped, 0);
}

Test(batch, what_it_sends_itself_comes_last)
{
  uint32_t limits[] = {1, 2, 3, 4, 7, 100, 5000};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    for (uint64_t first = 1; first < 7; first++) {
      count_on((foal_options){.batch_messages = limits[i]}, first);
    }
    count_on((foal_options){.batch_messages = limits[i]}, 3000);
  }
}

Test(batch, keeps_the_order_when_its_time_is_over)
{
  work_ns = 700;
  count_on((foal_options){.batch_us = 1}, 1);
  count_on((foal_options){.batch_us = 5}, 5000);
}

Test(batch, keeps_the_order_when_it_is_muted)
{
  uint32_t highs[] = {1, 2, 7, 8, 9};
  drained = true;
  for (size_t i = 0; i < sizeof highs / sizeof *highs; i++) {
    count_on((foal_options){.mailbox_messages = highs[i]}, 1);
    count_on((foal_options){.mailbox_messages = highs[i]}, 3000);
    cr_expect_gt(counters().mutes, 0);
  }
}

/* ---- the end in mid-batch ---- */

/* Ends at a number; behind it come messages of others, of itself, and of its end. */
typedef struct mortal {
  uint32_t left;
} mortal;
FOAL_TAG(mortal)
FOAL_ACTOR_WITH_END(mortal)
FOAL_BEHAVIOUR2(mortal, step, bool, last, mortal_tag, me)

typedef struct heir {
  uint32_t unused;
} heir;
FOAL_TAG(heir)
FOAL_ACTOR(heir)
FOAL_BEHAVIOUR1(heir, look, uint32_t, rounds)

static mortal_tag dying;
static heir_tag heirs[2]; /* in turns, so that each turn is of one message */
static int64_t backlog_left;

static void mortal_on_step(mortal *self, bool last, mortal_tag me)
{
  handled++;
  if (!last) return;
  for (self->left = 3; self->left > 0; self->left--) mortal_step(me, false, me);
  foal_actor_end(FOAL_ENDED);
}

static void mortal_on_end(mortal *self)
{
  (void)self;
  mortal_step(dying, false, dying);
}

static void heir_on_look(heir *self, uint32_t rounds)
{
  (void)self;
  check_queue(dying.any.slot_);
  backlog_left = foal__backlog(foal__self);
  if (rounds > 0) heir_look(heirs[rounds % 2], rounds - 1);
}

static void end_at(uint32_t number, uint32_t of, uint32_t batch)
{
  handled = 0;
  start_with((foal_options){.workers = 1, .batch_messages = batch});
  if (!mortal_spawn(&dying)) abort();
  if (!heir_spawn(&heirs[0]) || !heir_spawn(&heirs[1])) abort();
  for (uint32_t i = 1; i <= of; i++) mortal_step(dying, i == number, dying);
  heir_look(heirs[0], 200);
  finish();
  cr_assert_eq(handled, number);
  cr_assert_eq(wrong, 0);
  cr_assert_eq(counters().messages, number + 201);
  cr_assert_eq(counters().messages_dropped, of - number + 3 + 1);
  /* The look that is going on is counted when its turn is over. */
  cr_assert_eq(backlog_left, 1);
}

Test(batch, what_is_left_behind_an_end_is_dropped_and_counted_off)
{
  uint32_t limits[] = {1, 2, 3, 100};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    for (uint32_t number = 1; number <= 20; number++) end_at(number, 20, limits[i]);
    end_at(50, 6000, limits[i] > 2 ? limits[i] : 100);
  }
}

/* ---- tiny mailboxes ---- */

typedef struct keeper {
  uint64_t items;
} keeper;
FOAL_TAG(keeper)
FOAL_ACTOR(keeper)
FOAL_BEHAVIOUR0(keeper, item)

typedef struct giver {
  keeper_tag to;
  uint32_t left;
} giver;
FOAL_TAG(giver)
FOAL_ACTOR(giver)
FOAL_BEHAVIOUR2(giver, begin, keeper_tag, to, uint32_t, count)
FOAL_BEHAVIOUR0(giver, go)

static void keeper_on_item(keeper *self)
{
  self->items++;
  handled++;
}

static void giver_on_begin(giver *self, keeper_tag to, uint32_t count)
{
  self->to = to;
  self->left = count;
  giver_go(giver_self(self));
}

static void giver_on_go(giver *self)
{
  sent++;
  if (sent - handled > waiting_max) waiting_max = sent - handled;
  keeper_item(self->to);
  if (--self->left > 0) giver_go(giver_self(self));
}

static void give_to_one(uint32_t high, uint32_t givers)
{
  keeper_tag k;
  giver_tag g;
  sent = handled = waiting_max = 0;
  start_with((foal_options){.workers = 1, .mailbox_messages = high});
  if (!keeper_spawn(&k)) abort();
  for (uint32_t i = 0; i < givers; i++) {
    if (!giver_spawn(&g)) abort();
    giver_begin(g, k, 1000);
  }
  finish();
  cr_assert_eq(handled, (uint64_t)givers * 1000);
  cr_expect_gt(counters().mutes, 0);
  /* Each stops behind the message that has filled it, or that came on top. */
  cr_expect_leq(waiting_max, high + givers - 1, "%u: %llu messages", high,
                (unsigned long long)waiting_max);
  cr_expect_geq(waiting_max, high, "%u: %llu messages", high,
                (unsigned long long)waiting_max);
}

Test(batch, a_mailbox_is_full_at_exactly_its_limit)
{
  uint32_t highs[] = {1, 2, 3, 7, 8, 9, 10, 64};
  for (size_t i = 0; i < sizeof highs / sizeof *highs; i++) {
    give_to_one(highs[i], 1);
    give_to_one(highs[i], 3);
  }
}

/* ---- a backlog that outgrows the cache ---- */

enum { SINKS = 64, SPREADS = 1000 };

typedef struct bin {
  uint32_t items;
} bin;
FOAL_TAG(bin)
FOAL_ACTOR(bin)
FOAL_BEHAVIOUR0(bin, item)

typedef struct spreader {
  uint32_t unused;
} spreader;
FOAL_TAG(spreader)
FOAL_ACTOR(spreader)
FOAL_BEHAVIOUR0(spreader, spread)

static bin_tag bins[SINKS];

static void bin_on_item(bin *self)
{
  self->items++;
  handled++;
}

static void spreader_on_spread(spreader *self)
{
  (void)self;
  for (int i = 0; i < SINKS; i++) bin_item(bins[i]);
  sent += SINKS;
  if (sent - handled > waiting_max) waiting_max = sent - handled;
}

Test(batch, who_sends_too_much_stops_for_the_others)
{
  spreader_tag s;
  start_with((foal_options){.workers = 1, .batch_us = 1000000});
  for (int i = 0; i < SINKS; i++) {
    if (!bin_spawn(&bins[i])) abort();
  }
  if (!spreader_spawn(&s)) abort();
  for (int i = 0; i < SPREADS; i++) spreader_spread(s);
  finish();
  cr_expect_eq(handled, SINKS * SPREADS);
  /* The first two of a turn do not look. */
  cr_expect_leq(waiting_max, FOAL__BACKLOG + 3 * SINKS, "%llu messages",
                (unsigned long long)waiting_max);
}
