/* pony_order.c - scenarios after Pony's order-signature and mute-order-signature: who
 * was heard when.
 *
 * `pony_order`: 8 senders write 64 messages each to one collector; those of each sender
 * come in its order. `pony_mute_order`: 600 tokens go round a ring of 48 actors with
 * small mailboxes; each stop is told to the collector, which all of them drown.
 * Everything that was sent is heard, once. */
#include "pony.h"
#include "scenarios.h"

#include "../../runtime/actor.h"

#include <string.h>

enum {
  SENDERS = 8,
  MESSAGES = 64,
  NODES = 48,
  TOKENS = 600,
  HOPS = 4,
  SMALL_MAILBOX = 8,
};

/* ---- the signature ---- */

static uint64_t signature;

static uint64_t mixed(uint64_t x)
{
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

void pony_unsigned(void)
{
  signature = 0;
}

void pony_sign(uint64_t what, uint64_t who)
{
  signature = mixed(mixed(signature + what) + who);
}

uint64_t pony_signature(void)
{
  return signature;
}

/* ---- who is told ---- */

typedef struct pony_collector {
  uint32_t next[SENDERS];
} pony_collector;
FOAL_TAG(pony_collector)
FOAL_ACTOR(pony_collector)
FOAL_BEHAVIOUR2(pony_collector, message, uint32_t, sender, uint32_t, number)
FOAL_BEHAVIOUR2(pony_collector, arrival, uint32_t, token, uint32_t, node)

static pony_collector_tag collector;
static uint32_t heard;

static void pony_collector_on_message(pony_collector *self, uint32_t sender,
                                      uint32_t number)
{
  FOAL_SIM_CHECK(self->next[sender] == number);
  self->next[sender]++;
  heard++;
  pony_sign(sender, number);
}

static void collect(void)
{
  pony_unsigned();
  heard = 0;
  FOAL_SIM_CHECK(pony_collector_spawn_on(&collector, foal_sim_draw(foal_workers())));
}

/* ---- 8 senders ---- */

typedef struct pony_sender {
  uint32_t me, sent;
} pony_sender;
FOAL_TAG(pony_sender)
FOAL_ACTOR(pony_sender)
FOAL_BEHAVIOUR1(pony_sender, begin, uint32_t, me)
FOAL_BEHAVIOUR0(pony_sender, next)

static void pony_sender_on_begin(pony_sender *self, uint32_t me)
{
  self->me = me;
  pony_sender_next(pony_sender_self(self));
}

static void pony_sender_on_next(pony_sender *self)
{
  pony_collector_message(collector, self->me, self->sent++);
  if (self->sent < MESSAGES) pony_sender_next(pony_sender_self(self));
}

static bool order_start(void)
{
  collect();
  for (uint32_t i = 0; i < SENDERS; i++) {
    pony_sender_tag sender;
    FOAL_SIM_CHECK(pony_sender_spawn_on(&sender, i % foal_workers()));
    pony_sender_begin(sender, i);
  }
  return true;
}

static void order_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(heard == SENDERS * MESSAGES);
  FOAL_SIM_CHECK(c.messages == SENDERS + 2 * SENDERS * MESSAGES);
  if (c.messages_remote > 0) foal_sim_mark("pony_order_remote");
}

static const char *const order_marks[] = {"pony_order_remote", NULL};
const foal_scenario pony_order = {
    .name = "pony_order",
    .about = "8 senders, 64 messages each, one who hears them",
    .start = order_start,
    .check = order_check,
    .marks = order_marks,
};

/* ---- a ring of 48 ---- */

typedef struct pony_node {
  uint32_t me;
} pony_node;
FOAL_TAG(pony_node)
FOAL_ACTOR(pony_node)
FOAL_BEHAVIOUR1(pony_node, begin, uint32_t, me)
FOAL_BEHAVIOUR2(pony_node, token, uint32_t, number, uint32_t, hops)

static pony_node_tag ring[NODES];

static void pony_node_on_begin(pony_node *self, uint32_t me)
{
  self->me = me;
}

static void pony_node_on_token(pony_node *self, uint32_t number, uint32_t hops)
{
  pony_collector_arrival(collector, number, self->me);
  if (hops > 0) pony_node_token(ring[(self->me + 1) % NODES], number, hops - 1);
}

static void pony_collector_on_arrival(pony_collector *self, uint32_t token, uint32_t node)
{
  (void)self;
  heard++;
  pony_sign(token, node);
}

static bool mute_start(void)
{
  collect();
  for (uint32_t i = 0; i < NODES; i++) {
    FOAL_SIM_CHECK(pony_node_spawn_on(&ring[i], i % foal_workers()));
    pony_node_begin(ring[i], i);
  }
  for (uint32_t i = 0; i < TOKENS; i++) pony_node_token(ring[i % NODES], i, HOPS);
  return true;
}

static void mute_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(heard == TOKENS * (HOPS + 1));
  FOAL_SIM_CHECK(c.messages == NODES + 2 * TOKENS * (HOPS + 1));
  if (c.mutes > NODES) foal_sim_mark("pony_muted");
}

static const char *const mute_marks[] = {"pony_muted", NULL};
const foal_scenario pony_mute_order = {
    .name = "pony_mute_order",
    .about = "600 tokens round a ring of 48 actors, who mute each other",
    .start = mute_start,
    .check = mute_check,
    .options = {.mailbox_messages = SMALL_MAILBOX},
    .marks = mute_marks,
};
