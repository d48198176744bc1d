/* pitfalls_actor_test.c - mistakes of other actor runtimes: circles of full mailboxes,
 * early ends, mailboxes without a bound. Which ones, and how: docs/pitfalls.md. */
#include "unit/run.h"

#include "runtime/actor.h"

#include <sched.h>
#include <stdatomic.h>

TestSuite(pitfall, .timeout = 60);

enum { HIGH = 32, BURST = 20 };

typedef struct node node;
FOAL_TAG(node)
struct node {
  node_tag to[2];
  uint64_t left;
};
FOAL_ACTOR(node)
FOAL_BEHAVIOUR2(node, link, node_tag, first, node_tag, second)
FOAL_BEHAVIOUR1(node, flood, uint64_t, messages)
FOAL_BEHAVIOUR1(node, item, uint64_t, hops)
FOAL_BEHAVIOUR0(node, again)

static _Atomic(int64_t) sent, handled, waiting_max;

static void send_item(node_tag to, uint64_t hops)
{
  int64_t now = ++sent - handled, max = waiting_max;
  while (now > max && !atomic_compare_exchange_weak(&waiting_max, &max, now)) (void)0;
  node_item(to, hops);
}

static void node_on_link(node *self, node_tag first, node_tag second)
{
  self->to[0] = first;
  self->to[1] = second;
}

static void node_on_flood(node *self, uint64_t messages)
{
  self->left = messages;
  node_again(node_self(self));
}

static void node_on_again(node *self)
{
  for (int i = 0; i < BURST; i++) {
    send_item(self->to[0], 1);
    send_item(self->to[1], 1);
  }
  self->left--;
  if (self->left > 0) node_again(node_self(self));
}

static void node_on_item(node *self, uint64_t hops)
{
  handled++;
  if (hops > 0) send_item(self->to[handled % 2], hops - 1);
}

static node_tag node_new(uint32_t worker)
{
  node_tag tag;
  if (!node_spawn_pinned(&tag, worker)) abort();
  return tag;
}

enum { NODES = 6, ROUNDS = 200 };

/* Everybody floods the next two, so that all mailboxes are full in a circle. */
static void circle(uint32_t workers)
{
  node_tag nodes[NODES];
  start_with((foal_options){.workers = workers, .mailbox_messages = HIGH});
  for (uint32_t i = 0; i < NODES; i++) nodes[i] = node_new(i % workers);
  for (uint32_t i = 0; i < NODES; i++)
    node_link(nodes[i], nodes[(i + 1) % NODES], nodes[(i + 2) % NODES]);
  for (uint32_t i = 0; i < NODES; i++) node_flood(nodes[i], ROUNDS);
  finish();
  cr_expect_eq(handled, (int64_t)NODES * ROUNDS * BURST * 2 * 2);
  cr_expect_gt(counters().mutes, 0);
}

Test(pitfall, a_circle_of_full_mailboxes_goes_on)
{
  circle(1);
}

Test(pitfall, a_circle_of_full_mailboxes_goes_on_across_workers)
{
  circle(3);
}

/* While its senders are muted nothing seems to run but one actor: that is no end. */
Test(pitfall, a_program_with_muted_actors_does_not_end)
{
  start_with((foal_options){.workers = 2, .mailbox_messages = HIGH});
  node_tag sink = node_new(0), senders[3];
  for (int i = 0; i < 3; i++) {
    senders[i] = node_new(1);
    node_link(senders[i], sink, sink);
  }
  node_link(sink, senders[0], senders[1]);
  for (int i = 0; i < 3; i++) node_flood(senders[i], ROUNDS);
  finish();
  cr_expect_eq(handled, sent);
  cr_expect_eq(handled, 3 * ROUNDS * BURST * 2 * 2);
  cr_expect_gt(counters().mutes, 0);
}

typedef struct sink {
  uint64_t items;
} sink;
FOAL_TAG(sink)
FOAL_ACTOR(sink)
FOAL_BEHAVIOUR0(sink, item)

typedef struct source {
  sink_tag to;
  uint64_t left;
} source;
FOAL_TAG(source)
FOAL_ACTOR(source)
FOAL_BEHAVIOUR2(source, pour, sink_tag, to, uint64_t, left)
FOAL_BEHAVIOUR0(source, more)

enum { SOURCES = 4, POURS = 500, ITEMS = SOURCES * POURS * BURST };

/* Takes nothing more until somebody was muted, or nobody ever is. */
static void sink_on_item(sink *self)
{
  while (self->items == 0 && counters().mutes == 0 && sent < ITEMS) sched_yield();
  self->items++;
  handled++;
}

static void source_on_pour(source *self, sink_tag to, uint64_t left)
{
  self->to = to;
  self->left = left;
  source_more(source_self(self));
}

static void source_on_more(source *self)
{
  for (int i = 0; i < BURST; i++) {
    int64_t now = ++sent - handled, max = waiting_max;
    while (now > max && !atomic_compare_exchange_weak(&waiting_max, &max, now)) (void)0;
    sink_item(self->to);
  }
  if (--self->left > 0) source_more(source_self(self));
}

/* messages: the limit; 0: none is set. */
static void bounded(uint32_t messages)
{
  enum { DEFAULT = 1000 };
  int64_t high = messages == 0 ? DEFAULT : messages;
  sink_tag to;
  sent = handled = waiting_max = 0;
  start_with((foal_options){.workers = 2, .mailbox_messages = messages});
  if (!sink_spawn_pinned(&to, 0)) abort();
  for (int i = 0; i < SOURCES; i++) {
    source_tag from;
    if (!source_spawn_pinned(&from, 1)) abort();
    source_pour(from, to, POURS);
  }
  finish();
  cr_expect_eq(handled, ITEMS);
  cr_expect_gt(counters().mutes, 0);
  cr_expect_geq(waiting_max, high);
  /* Full when the last chain was taken, and full again: each sender once beyond it. */
  cr_expect_leq(waiting_max, 2 * (high + SOURCES * BURST), "%lld waited",
                (long long)waiting_max);
}

Test(pitfall, a_mailbox_is_bounded)
{
  bounded(HIGH);
  bounded(0);
}
