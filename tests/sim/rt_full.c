/* rt_full.c - scenarios of full mailboxes.
 *
 * `fan_in`: producers on all workers flood one consumer in bursts. What waits for it
 * stays below a bound, each producer's items come in order, and all go on to the end.
 * `circle`: actors in a ring, or each with a receiver drawn at random, flood each other
 * and pass on what they get: mailboxes of one or two messages fill in circles, and yet
 * everything is handled.
 *
 * The bound of `fan_in`: `high` may wait before a sender finds the mailbox full; then
 * each producer ends its burst, and the first of them may be woken again before the last
 * one is muted: twice that. A consumer that chews sends itself mail, too, which moves
 * what waits from the inbox to the local list. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../sim/impl/engine.h"

#include <string.h>

enum {
  PRODUCERS_MAX = 8,
  ITEMS_MAX = 120,
  BURST_MAX = 6,
  FAN_HIGH = 4,
  CIRCLE_MAX = 6,
  FLOOD_MAX = 40,
  HOPS_MAX = 6,
};

/* ---- many to one ---- */

typedef struct fan_consumer {
  uint32_t next[PRODUCERS_MAX];
} fan_consumer;
FOAL_TAG(fan_consumer)
FOAL_ACTOR(fan_consumer)
FOAL_BEHAVIOUR2(fan_consumer, item, uint32_t, producer, uint32_t, number)
FOAL_BEHAVIOUR0(fan_consumer, chew)

typedef struct fan_producer {
  uint32_t me, next, worker;
} fan_producer;
FOAL_TAG(fan_producer)
FOAL_ACTOR(fan_producer)
FOAL_BEHAVIOUR1(fan_producer, begin, uint32_t, me)
FOAL_BEHAVIOUR0(fan_producer, go)

static struct {
  fan_consumer_tag consumer;
  uint32_t producers, sent, handled, waiting_max, finished, slow_ns;
  uint32_t items[PRODUCERS_MAX];
  uint64_t handled_at[PRODUCERS_MAX];
  bool chews;
} fan;

static void fan_consumer_on_item(fan_consumer *self, uint32_t producer, uint32_t number)
{
  FOAL_SIM_CHECK(self->next[producer] == number);
  self->next[producer]++;
  fan.handled++;
  if (fan.slow_ns > 0) foal__sim_pass(foal_sim_draw(fan.slow_ns));
  if (fan.chews) fan_consumer_chew(fan_consumer_self(self));
}

/* Mail of its own moves what came from others to the local list. */
static void fan_consumer_on_chew(fan_consumer *self)
{
  (void)self;
}

static void fan_producer_on_begin(fan_producer *self, uint32_t me)
{
  self->me = me;
  fan_producer_go(fan_producer_self(self));
}

static void fan_producer_on_go(fan_producer *self)
{
  uint32_t burst = 1 + foal_sim_draw(BURST_MAX);
  for (; burst > 0 && self->next < fan.items[self->me]; burst--) {
    fan.sent++;
    fan_consumer_item(fan.consumer, self->me, self->next++);
  }
  uint32_t waiting = fan.sent - fan.handled;
  if (waiting > fan.waiting_max) fan.waiting_max = waiting;
  if (self->next < fan.items[self->me]) {
    fan_producer_go(fan_producer_self(self));
  } else {
    fan.finished++;
    foal_actor_end(FOAL_ENDED);
  }
}

static bool fan_start(void)
{
  memset(&fan, 0, sizeof fan);
  fan.producers = foal_sim_size(PRODUCERS_MAX);
  fan.slow_ns = foal_sim_draw(3) == 0 ? 20000 : 0;
  fan.chews = foal_sim_draw(3) == 0;
  FOAL_SIM_CHECK(fan_consumer_spawn_pinned(&fan.consumer, foal_sim_draw(foal_workers())));
  for (uint32_t i = 0; i < fan.producers; i++) {
    fan_producer_tag p;
    fan.items[i] = foal_sim_size(ITEMS_MAX);
    FOAL_SIM_CHECK(fan_producer_spawn_on(&p, foal_sim_draw(foal_workers())));
    fan_producer_begin(p, i);
  }
  return true;
}

static void fan_check(void)
{
  foal_counters c;
  uint32_t bound = 2 * (FAN_HIGH + fan.producers * BURST_MAX);
  foal_counters_read(&c);
  FOAL_SIM_CHECK(fan.finished == fan.producers && fan.handled == fan.sent);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
  if (fan.waiting_max > bound) {
    foal_sim_fail("%u items waited for the consumer: more than %u", fan.waiting_max,
                  bound);
  }
  if (c.mutes > 0 && c.messages_remote > 0) foal_sim_mark("fan_muted_across");
  if (c.mutes > 0 && c.messages_remote == 0) foal_sim_mark("fan_muted_at_home");
}

static const char *const fan_marks[] = {"fan_muted_across", "fan_muted_at_home",
                                        "seen_woken_from_afar", NULL};
const foal_scenario rt_fan_in = {
    .name = "fan_in",
    .about = "many producers, one consumer with a small mailbox",
    .start = fan_start,
    .check = fan_check,
    .options = {.mailbox_messages = FAN_HIGH},
    .marks = fan_marks,
};

const foal_scenario baton_fan_in = {
    .name = "baton_fan_in",
    .about = "muting and waking, with workers that interleave at every shared word",
    .start = fan_start,
    .check = fan_check,
    .options = {.workers = 3, .mailbox_messages = FAN_HIGH},
    .flags = FOAL_SIM_FINE,
};

/* ---- in circles ---- */

typedef struct circle_one {
  uint32_t me, left;
} circle_one;
FOAL_TAG(circle_one)
FOAL_ACTOR(circle_one)
FOAL_BEHAVIOUR1(circle_one, begin, uint32_t, me)
FOAL_BEHAVIOUR0(circle_one, flood)
FOAL_BEHAVIOUR1(circle_one, item, uint32_t, hops)

static struct {
  circle_one_tag all[CIRCLE_MAX];
  uint32_t next[CIRCLE_MAX];
  uint32_t count, flood, sent, handled;
} circle;

static void pass_on(const circle_one *self, uint32_t hops)
{
  circle.sent++;
  circle_one_item(circle.all[circle.next[self->me]], hops);
}

static void circle_one_on_begin(circle_one *self, uint32_t me)
{
  self->me = me;
  self->left = circle.flood;
  circle_one_flood(circle_one_self(self));
}

static void circle_one_on_flood(circle_one *self)
{
  for (uint32_t n = 1 + foal_sim_draw(3); n > 0 && self->left > 0; n--) {
    self->left--;
    pass_on(self, foal_sim_draw(HOPS_MAX));
  }
  if (self->left > 0) circle_one_flood(circle_one_self(self));
}

static void circle_one_on_item(circle_one *self, uint32_t hops)
{
  circle.handled++;
  if (hops > 0) pass_on(self, hops - 1);
}

static bool circle_start(void)
{
  memset(&circle, 0, sizeof circle);
  circle.count = 1 + foal_sim_size(CIRCLE_MAX - 1);
  circle.flood = foal_sim_size(FLOOD_MAX);
  bool ring = foal_sim_draw(2) == 0;
  for (uint32_t i = 0; i < circle.count; i++) {
    circle.next[i] = ring ? (i + 1) % circle.count : foal_sim_draw(circle.count);
    FOAL_SIM_CHECK(circle_one_spawn_on(&circle.all[i], foal_sim_draw(foal_workers())));
  }
  for (uint32_t i = 0; i < circle.count; i++) circle_one_begin(circle.all[i], i);
  return true;
}

static void circle_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(circle.handled == circle.sent);
  FOAL_SIM_CHECK(circle.sent >= circle.count * circle.flood);
  if (c.mutes > circle.count) foal_sim_mark("circle_muted");
}

static const char *const circle_marks[] = {"circle_muted", NULL};
const foal_scenario rt_circle = {
    .name = "circle",
    .about = "actors that flood each other in circles, with tiny mailboxes",
    .start = circle_start,
    .check = circle_check,
    .options = {.mailbox_messages = 2},
    .marks = circle_marks,
};

const foal_scenario baton_circle = {
    .name = "baton_circle",
    .about = "circles of full mailboxes, interleaving at every shared word",
    .start = circle_start,
    .check = circle_check,
    .options = {.workers = 3, .mailbox_messages = 1},
    .flags = FOAL_SIM_FINE,
};
