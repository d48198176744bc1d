/* rt_baton.c - tiny programs for workers that interleave at every shared word: so small
 * that thousands of seeds a second go through all the narrow passages.
 *
 * `baton_push`: a few senders, one receiver that is idle most of the time: push against
 * take and rest, the one notification, the one wake. `baton_relay`: one or two batons go
 * from worker to worker, all others sleep: parking against waking, and the exact end. A
 * thread may knock meanwhile, with a hold that may be the last one. `baton_door`: a
 * thread without a hold knocks just when the last message of a worker is on its way to
 * the same actor. A lost wake-up shows as a run that is stuck, or that ends before the
 * batons have come home. */
#include "scenarios.h"

#include "../../runtime/actor.h"

#include <string.h>

enum { SENDERS_MAX = 3, SENDS_MAX = 4, RELAYS = 3, BATONS_MAX = 2, HOPS_MAX = 10 };

/* ---- push ---- */

FOAL_TAG(push_sender)

typedef struct push_receiver {
  uint32_t next[SENDERS_MAX];
} push_receiver;
FOAL_TAG(push_receiver)
FOAL_ACTOR(push_receiver)
FOAL_BEHAVIOUR3(push_receiver, item, uint32_t, from, uint32_t, number, push_sender_tag,
                answer_to)

typedef struct push_sender {
  uint32_t me, next;
} push_sender;
FOAL_ACTOR(push_sender)
FOAL_BEHAVIOUR1(push_sender, begin, uint32_t, me)
FOAL_BEHAVIOUR0(push_sender, go)

static struct {
  push_receiver_tag receiver;
  uint32_t sends, sent, handled, senders;
} push;

static void push_receiver_on_item(push_receiver *self, uint32_t from, uint32_t number,
                                  push_sender_tag answer_to)
{
  FOAL_SIM_CHECK(self->next[from] == number);
  self->next[from]++;
  push.handled++;
  push_sender_go(answer_to);
}

static void send_item(push_sender *self) FOAL_TURN;
static void send_item(push_sender *self)
{
  push.sent++;
  push_receiver_item(push.receiver, self->me, self->next++, push_sender_self(self));
}

static void push_sender_on_begin(push_sender *self, uint32_t me)
{
  self->me = me;
  send_item(self);
  if (foal_sim_draw(2) == 0) send_item(self);
}

static void push_sender_on_go(push_sender *self)
{
  if (self->next < push.sends) send_item(self);
}

static bool push_start(void)
{
  memset(&push, 0, sizeof push);
  push.senders = 1 + foal_sim_draw(SENDERS_MAX);
  push.sends = 1 + foal_sim_draw(SENDS_MAX);
  FOAL_SIM_CHECK(push_receiver_spawn_pinned(&push.receiver, 0));
  for (uint32_t i = 0; i < push.senders; i++) {
    push_sender_tag s;
    uint32_t worker = 1 + foal_sim_draw(foal_workers() - 1);
    FOAL_SIM_CHECK(push_sender_spawn_pinned(&s, worker));
    push_sender_begin(s, i);
  }
  return true;
}

static void push_check(void)
{
  FOAL_SIM_CHECK(push.handled == push.sent && push.sent >= push.senders);
}

const foal_scenario baton_push = {
    .name = "baton_push",
    .about = "a few senders of other workers, one receiver that is mostly idle",
    .start = push_start,
    .check = push_check,
    .options = {.workers = 3},
    .flags = FOAL_SIM_FINE,
};

/* ---- relay ---- */

typedef struct relay {
  uint32_t me;
} relay;
FOAL_TAG(relay)
FOAL_ACTOR(relay)
FOAL_BEHAVIOUR2(relay, baton, uint32_t, which, uint32_t, hops)

static struct {
  relay_tag all[RELAYS];
  uint32_t batons, home, knocks;
  bool guest, knocked;
} race;

static void relay_on_baton(relay *self, uint32_t which, uint32_t hops)
{
  (void)self;
  if (which == BATONS_MAX) race.knocked = true;
  if (hops == 0) {
    race.home++;
    return;
  }
  relay_baton(race.all[foal_sim_draw(foal_workers())], which, hops - 1);
}

static void knock(void *arg)
{
  (void)arg;
  for (uint32_t n = foal_sim_draw(6); n > 0; n--) foal_sim_pause();
  relay_baton(race.all[foal_sim_draw(foal_workers())], BATONS_MAX, race.knocks);
  foal_release();
}

static bool relay_start(void)
{
  memset(&race, 0, sizeof race);
  for (uint32_t i = 0; i < foal_workers(); i++)
    FOAL_SIM_CHECK(relay_spawn_pinned(&race.all[i], i));
  race.batons = foal_sim_draw(BATONS_MAX + 1);
  race.guest = race.batons == 0 || foal_sim_draw(3) == 0;
  race.knocks = foal_sim_draw(3);
  for (uint32_t i = 0; i < race.batons; i++) {
    relay_baton(race.all[foal_sim_draw(foal_workers())], i, foal_sim_draw(HOPS_MAX));
  }
  if (race.guest) {
    foal_hold();
    foal_sim_thread(knock, NULL);
  }
  return true;
}

static void relay_check(void)
{
  FOAL_SIM_CHECK(race.home == race.batons + race.guest);
  FOAL_SIM_CHECK(race.knocked == race.guest);
}

const foal_scenario baton_relay = {
    .name = "baton_relay",
    .about = "batons between workers that sleep otherwise, and a thread that knocks",
    .start = relay_start,
    .check = relay_check,
    .options = {.workers = RELAYS},
    .flags = FOAL_SIM_FINE,
};

const foal_scenario baton_pair = {
    .name = "baton_pair",
    .about = "the relay with two workers",
    .start = relay_start,
    .check = relay_check,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};

/* ---- door ---- */

typedef struct door_keeper {
  char unused;
} door_keeper;
FOAL_TAG(door_keeper)
FOAL_ACTOR(door_keeper)
FOAL_BEHAVIOUR0(door_keeper, go)
FOAL_BEHAVIOUR0(door_keeper, item)
FOAL_BEHAVIOUR0(door_keeper, knock)

static struct {
  door_keeper_tag from, to;
  uint32_t left, sent, came;
} door;

static void door_keeper_on_go(door_keeper *self)
{
  door.sent++;
  door_keeper_item(door.to);
  if (--door.left > 0) door_keeper_go(door_keeper_self(self));
}

static void door_keeper_on_item(door_keeper *self)
{
  (void)self;
  door.came++;
}

static void door_keeper_on_knock(door_keeper *self)
{
  (void)self;
}

static void knock_unasked(void *arg)
{
  (void)arg;
  for (uint32_t n = foal_sim_draw(6); n > 0; n--) foal_sim_pause();
  for (uint32_t n = 1 + foal_sim_draw(6); n > 0; n--) door_keeper_knock(door.to);
}

static bool door_start(void)
{
  memset(&door, 0, sizeof door);
  door.left = 1 + foal_sim_draw(3);
  FOAL_SIM_CHECK(door_keeper_spawn_pinned(&door.from, 0));
  FOAL_SIM_CHECK(door_keeper_spawn_pinned(&door.to, 1));
  door_keeper_go(door.from);
  foal_sim_thread(knock_unasked, NULL);
  return true;
}

static void door_check(void)
{
  FOAL_SIM_CHECK(door.sent > 0 && door.left == 0 && door.came == door.sent);
}

const foal_scenario baton_door = {
    .name = "baton_door",
    .about = "a thread without a hold writes to whom a worker writes last",
    .start = door_start,
    .check = door_check,
    .options = {.workers = 2},
    .flags = FOAL_SIM_FINE,
};
