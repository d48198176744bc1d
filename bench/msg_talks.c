/* msg_talks.c - benchmarks in which few actors send many messages.
 *
 *   pingpong    two actors, one message that goes back and forth (Savina: PP)
 *   counting    a producer sends to a counter, in slices of 1000 (COUNT)
 *   fanin       eight producers, spread over the workers, send to one counter
 *   threadring  one token goes round 1000 actors (TR)
 *   wake        a message to an actor whose worker sleeps, and its answer
 *
 * Apart: the two sides are pinned to different workers, so that each message crosses. */
#include "messages.h"

enum {
  SLICE = 1000, /* messages a producer sends before it lets others run */
  PRODUCERS = 8,
  RING = 1000,
  WAKES_MAX = 256,
  WAKE_PAUSE_MS = 2, /* long enough for the other worker to sleep */
};

/* ---- pingpong ---- */

typedef struct player player;
FOAL_TAG(player)

struct player {
  player_tag other;
  judge_tag judge;
  uint64_t left; /* messages this side still sends */
};

FOAL_ACTOR(player)
FOAL_BEHAVIOUR3(player, meet, player_tag, other, judge_tag, judge, uint64_t, left)
FOAL_BEHAVIOUR0(player, hit)

static void player_on_meet(player *self, player_tag other, judge_tag judge, uint64_t left)
{
  *self = (player){other, judge, left};
}

/* Apart, so that a hit pays for a hit only. */
__attribute__((noinline)) static void player_stop(player *self) FOAL_TURN;
static void player_stop(player *self)
{
  judge_finished(self->judge, msg_now_ns(), 0);
  foal_actor_tell_end(self->other.any, FOAL_ENDED);
  foal_actor_end(FOAL_ENDED);
}

static void player_on_hit(player *self)
{
  if (self->left-- > 0) {
    player_hit(self->other);
  } else {
    player_stop(self);
  }
}

FOAL_TURN static bool pingpong_begin(const msg_round *round)
{
  player_tag a, b;
  if (round->apart) {
    if (!player_spawn_pinned(&a, 0) || !player_spawn_pinned(&b, 1)) return false;
  } else if (!player_spawn(&a) || !player_spawn(&b)) {
    return false;
  }
  player_meet(a, b, round->judge, round->ops / 2);
  player_meet(b, a, round->judge, round->ops / 2);
  msg_start_clock();
  player_hit(a);
  return true;
}

static uint64_t even(uint64_t ops)
{
  return ops & ~(uint64_t)1;
}

/* ---- counting, fanin ---- */

typedef struct counter {
  judge_tag judge;
  uint64_t total, producers;
} counter;

FOAL_TAG(counter)
FOAL_ACTOR(counter)
FOAL_BEHAVIOUR2(counter, set, judge_tag, judge, uint64_t, producers)
FOAL_BEHAVIOUR1(counter, add, uint64_t, amount)
FOAL_BEHAVIOUR0(counter, done)

static void counter_on_set(counter *self, judge_tag judge, uint64_t producers)
{
  *self = (counter){judge, 0, producers};
}

static void counter_on_add(counter *self, uint64_t amount)
{
  self->total += amount;
}

static void counter_on_done(counter *self)
{
  if (--self->producers > 0) return;
  judge_finished(self->judge, msg_now_ns(), self->total);
  foal_actor_end(FOAL_ENDED);
}

typedef struct producer {
  counter_tag to;
  uint64_t left;
} producer;

FOAL_TAG(producer)
FOAL_ACTOR(producer)
FOAL_BEHAVIOUR2(producer, set, counter_tag, to, uint64_t, count)
FOAL_BEHAVIOUR0(producer, go)

static void producer_on_set(producer *self, counter_tag to, uint64_t count)
{
  *self = (producer){to, count};
}

static void producer_on_go(producer *self)
{
  uint64_t n = self->left < SLICE ? self->left : SLICE;
  for (uint64_t i = 0; i < n; i++) counter_add(self->to, 1);
  self->left -= n;
  if (self->left > 0) {
    producer_go(producer_self(self));
    return;
  }
  counter_done(self->to);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool counting_begin(const msg_round *round)
{
  counter_tag c;
  producer_tag p;
  if (!(round->apart ? counter_spawn_pinned(&c, 1) : counter_spawn(&c))) return false;
  if (!(round->apart ? producer_spawn_pinned(&p, 0) : producer_spawn(&p))) return false;
  counter_set(c, round->judge, 1);
  producer_set(p, c, round->ops);
  msg_start_clock();
  producer_go(p);
  return true;
}

FOAL_TURN static bool fanin_begin(const msg_round *round)
{
  counter_tag c;
  producer_tag p[PRODUCERS];
  if (!counter_spawn(&c)) return false;
  counter_set(c, round->judge, PRODUCERS);
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    if (!producer_spawn_on(&p[i], i % foal_workers())) return false;
    producer_set(p[i], c, round->ops / PRODUCERS);
  }
  msg_start_clock();
  for (int i = 0; i < PRODUCERS; i++) producer_go(p[i]);
  return true;
}

static uint64_t eights(uint64_t ops)
{
  return ops & ~(uint64_t)(PRODUCERS - 1);
}

static uint64_t all_of_them(uint64_t ops)
{
  return ops;
}

/* ---- threadring ---- */

typedef struct runner runner;
FOAL_TAG(runner)

struct runner {
  runner_tag next;
  judge_tag judge;
};

FOAL_ACTOR(runner)
FOAL_BEHAVIOUR2(runner, set, runner_tag, next, judge_tag, judge)
FOAL_BEHAVIOUR1(runner, token, uint64_t, hops)
FOAL_BEHAVIOUR0(runner, stop)

static void runner_on_set(runner *self, runner_tag next, judge_tag judge)
{
  *self = (runner){next, judge};
}

/* Apart, as in player_stop. */
__attribute__((noinline)) static void runner_finish(runner *self) FOAL_TURN;
static void runner_finish(runner *self)
{
  judge_finished(self->judge, msg_now_ns(), 0);
  runner_stop(runner_self(self));
}

static void runner_on_token(runner *self, uint64_t hops)
{
  if (hops > 1) {
    runner_token(self->next, hops - 1);
  } else {
    runner_finish(self);
  }
}

/* Goes round once; whoever had it already is gone, and it ends there. */
static void runner_on_stop(runner *self)
{
  runner_stop(self->next);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool threadring_begin(const msg_round *round)
{
  static runner_tag ring[RING];
  for (int i = 0; i < RING; i++) {
    if (!runner_spawn(&ring[i])) return false;
  }
  for (int i = 0; i < RING; i++) runner_set(ring[i], ring[(i + 1) % RING], round->judge);
  msg_start_clock();
  runner_token(ring[0], round->ops);
  return true;
}

/* ---- wake ---- */

typedef struct sleeper sleeper;
FOAL_TAG(sleeper)
FOAL_TAG(waker)
FOAL_SEND0(waker, awake)

struct sleeper {
  waker_tag by;
};

FOAL_ACTOR(sleeper)
FOAL_BEHAVIOUR1(sleeper, wake, waker_tag, by)

static void sleeper_on_wake(sleeper *self, waker_tag by)
{
  self->by = by;
  waker_awake(by);
}

typedef struct waker {
  sleeper_tag who;
  judge_tag judge;
  uint64_t left, count;
  uint64_t sent_ns;
  uint64_t took_ns[WAKES_MAX];
} waker;

FOAL_ACTOR(waker)
FOAL_BEHAVIOUR3(waker, set, sleeper_tag, who, judge_tag, judge, uint64_t, count)
FOAL_TIMER(waker, next)
FOAL_HANDLE0(waker, awake)

static void waker_on_set(waker *self, sleeper_tag who, judge_tag judge, uint64_t count)
{
  self->who = who;
  self->judge = judge;
  self->left = count;
  waker_next_after(self, WAKE_PAUSE_MS);
}

static void waker_on_next(waker *self)
{
  self->sent_ns = msg_now_ns();
  sleeper_wake(self->who, waker_self(self));
}

static void waker_on_awake(waker *self)
{
  uint64_t now = msg_now_ns();
  self->took_ns[self->count++] = now - self->sent_ns;
  if (--self->left > 0) {
    waker_next_after(self, WAKE_PAUSE_MS);
    return;
  }
  judge_finished(self->judge, now, msg_median(self->took_ns, self->count));
  foal_actor_tell_end(self->who.any, FOAL_ENDED);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TURN static bool wake_begin(const msg_round *round)
{
  sleeper_tag s;
  waker_tag w;
  if (!sleeper_spawn_pinned(&s, foal_workers() - 1) || !waker_spawn_pinned(&w, 0))
    return false;
  msg_start_clock();
  waker_set(w, s, round->judge, round->ops);
  return true;
}

const msg_bench msg_talks[] = {
    {.name = "pingpong",
     .unit = "message",
     .begin = pingpong_begin,
     .round_ops = even,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {.name = "counting",
     .unit = "message",
     .begin = counting_begin,
     .expected = all_of_them,
     .ops_first = 10000,
     .places = "1,2,apart"},
    {.name = "fanin",
     .unit = "message",
     .begin = fanin_begin,
     .round_ops = eights,
     .expected = all_of_them,
     .ops_first = 10000},
    {.name = "threadring", .unit = "hop", .begin = threadring_begin, .ops_first = 10000},
    {.name = "wake",
     .unit = "wake",
     .begin = wake_begin,
     .value = MSG_NS_RESULT,
     .ops_first = 5,
     .ops_max = WAKES_MAX},
    {0},
};
