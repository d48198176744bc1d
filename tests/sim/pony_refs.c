/* pony_refs.c - scenarios after those of Pony's programs that are about references.
 *
 * `pony_acquire`: at every stop of a token a new val is made; stops keep the last few
 * they got, so each val has owners on several workers and is dropped where it happens
 * to end. `pony_cycles`: groups of actors that hold each other's tags. Pony needs a
 * collector to find them; here a tag keeps nobody alive: what is not told to end ends
 * with the program, which is over when nothing is on its way. `pony_actorref`: a tag is
 * carried on from actor to actor, also when the one it names has ended. */
#include "pony.h"
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"

#include <string.h>

enum {
  STOPS = 7,
  KEPT = 5,
  TOKENS = 24,
  VAL_BYTES = 48,
  MEMBERS = 6,
  GENERATIONS = 8,
  CHAINS = 5,
  RELAYS = 7,
  HOPS_MAX = 12,
};

/* ---- vals that many hold ---- */

typedef struct pony_letter {
  uint32_t token, hops, number; /* number: of the val */
  uint8_t bytes[VAL_BYTES];
} pony_letter;

typedef struct pony_stop {
  uint32_t me, got;
  foal_val_slot kept[KEPT];
} pony_stop;
FOAL_TAG(pony_stop)
FOAL_ACTOR_WITH_END(pony_stop)
FOAL_BEHAVIOUR1(pony_stop, begin, uint32_t, me)
FOAL_BEHAVIOUR_VAL(pony_stop, letter)
FOAL_BEHAVIOUR_VAL(pony_stop, copy)

static struct {
  pony_stop_tag stops[STOPS];
  uint32_t vals, letters, copies, letters_read, copies_read, kept, hops;
} mail;

/* To the next stop of the route and, as it is shared, to another one too. */
static void post(uint32_t from, uint32_t token, uint32_t hops)
{
  pony_letter letter = {.token = token, .hops = hops, .number = mail.vals++};
  uint32_t to = (from + hops) % STOPS;
  foal_buf *b;
  foal_val *v, *copy;
  foal_sim_stream(letter.number, 0, letter.bytes, VAL_BYTES);
  if (!foal_buf_from(&b, &letter, sizeof letter)) foal_sim_fail("no memory for a val");
  foal_buf_freeze(&b, &v);
  foal_val_share(v, &copy);
  mail.letters++;
  mail.copies++;
  pony_stop_letter(mail.stops[to], &v);
  pony_stop_copy(mail.stops[(to + 1 + token % (STOPS - 1)) % STOPS], &copy);
}

static void pony_stop_on_begin(pony_stop *self, uint32_t me)
{
  self->me = me;
}

/* Checks, signs and keeps; what was kept longest is dropped. */
static pony_letter keep(pony_stop *self, foal_val **v) FOAL_TAKES(*v);
static pony_letter keep(pony_stop *self, foal_val **v)
{
  pony_letter letter;
  FOAL_SIM_CHECK(foal_val_len(*v) == sizeof letter);
  memcpy(&letter, foal_val_data(*v), sizeof letter);
  FOAL_SIM_CHECK(foal_sim_stream_is(letter.number, 0, letter.bytes, VAL_BYTES));
  pony_sign(letter.number, self->me);
  foal_val_slot *slot = &self->kept[self->got++ % KEPT];
  foal_val_slot_clear(slot);
  foal_val_slot_put(slot, v);
  return letter;
}

static void pony_stop_on_letter(pony_stop *self, foal_val **v)
{
  pony_letter letter = keep(self, v);
  mail.letters_read++;
  if (letter.hops > 0) post(self->me, letter.token, letter.hops - 1);
}

static void pony_stop_on_copy(pony_stop *self, foal_val **v)
{
  (void)keep(self, v);
  mail.copies_read++;
}

static void pony_stop_on_end(pony_stop *self)
{
  for (uint32_t i = 0; i < KEPT; i++) {
    foal_val *v;
    if (!foal_val_slot_take(&self->kept[i], &v)) continue;
    mail.kept++;
    foal_val_drop(&v);
  }
}

static bool acquire_start(void)
{
  memset(&mail, 0, sizeof mail);
  pony_unsigned();
  mail.hops = foal_sim_size(HOPS_MAX);
  for (uint32_t i = 0; i < STOPS; i++) {
    FOAL_SIM_CHECK(pony_stop_spawn_on(&mail.stops[i], i % foal_workers()));
    pony_stop_begin(mail.stops[i], i);
  }
  for (uint32_t i = 0; i < TOKENS; i++) post(i % STOPS, i, mail.hops);
  return true;
}

static void acquire_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(mail.vals == TOKENS * (mail.hops + 1));
  FOAL_SIM_CHECK(mail.letters_read == mail.letters && mail.copies_read == mail.copies);
  FOAL_SIM_CHECK(mail.kept <= STOPS * KEPT && mail.kept > 0);
  FOAL_SIM_CHECK(c.bufs_live == 0);
  if (c.messages_remote > 0) foal_sim_mark("pony_vals_remote");
}

static const char *const acquire_marks[] = {"pony_vals_remote", NULL};
const foal_scenario pony_acquire = {
    .name = "pony_acquire",
    .about = "vals that are kept and dropped by actors of all workers",
    .start = acquire_start,
    .check = acquire_check,
    .marks = acquire_marks,
};

/* ---- groups that know each other ---- */

typedef struct pony_member pony_member;
FOAL_TAG(pony_member)
struct pony_member {
  uint32_t group, me;
  pony_member_tag all[MEMBERS];
};
FOAL_ACTOR_WITH_END(pony_member)
FOAL_BEHAVIOUR2(pony_member, begin, uint32_t, group, uint32_t, me)
FOAL_BEHAVIOUR2(pony_member, meet, uint32_t, place, pony_member_tag, who)
FOAL_BEHAVIOUR2(pony_member, ping, uint32_t, chain, uint32_t, hops)

typedef struct pony_founder {
  uint32_t groups, done;
} pony_founder;
FOAL_TAG(pony_founder)
FOAL_ACTOR(pony_founder)
FOAL_BEHAVIOUR0(pony_founder, found)
FOAL_BEHAVIOUR2(pony_founder, arrived, uint32_t, group, uint32_t, chain)

static struct {
  pony_founder_tag founder;
  uint32_t made, ended, told, arrived;
} groups;

static void pony_member_on_begin(pony_member *self, uint32_t group, uint32_t me)
{
  self->group = group;
  self->me = me;
}

static void pony_member_on_meet(pony_member *self, uint32_t place, pony_member_tag who)
{
  self->all[place] = who;
}

static void pony_member_on_ping(pony_member *self, uint32_t chain, uint32_t hops)
{
  pony_sign(self->group * MEMBERS + self->me, chain);
  if (hops > 0) {
    pony_member_ping(self->all[foal_sim_draw(MEMBERS)], chain, hops - 1);
  } else {
    pony_founder_arrived(groups.founder, self->group, chain);
  }
}

/* Those that nobody told to end do it when the program is over. */
static void pony_member_on_end(pony_member *self)
{
  pony_sign(self->group, self->me);
  groups.ended++;
}

static void pony_founder_on_found(pony_founder *self)
{
  pony_member_tag all[MEMBERS];
  bool is_told = self->groups > 0 && foal_sim_draw(2) == 0;
  self->done = 0;
  for (uint32_t i = 0; i < MEMBERS; i++) {
    FOAL_SIM_CHECK(pony_member_spawn_on(&all[i], foal_sim_draw(foal_workers())));
    pony_member_begin(all[i], self->groups, i);
    groups.made++;
  }
  for (uint32_t i = 0; i < MEMBERS; i++) {
    for (uint32_t j = 0; j < MEMBERS; j++) pony_member_meet(all[i], j, all[j]);
  }
  for (uint32_t i = 0; i < CHAINS; i++) {
    pony_member_ping(all[foal_sim_draw(MEMBERS)], i, foal_sim_draw(HOPS_MAX));
  }
  if (!is_told) return;
  /* One that takes no part, so no chain is lost. */
  pony_member_tag alone;
  FOAL_SIM_CHECK(pony_member_spawn(&alone));
  for (uint32_t j = 0; j < MEMBERS; j++) pony_member_meet(alone, j, all[j]);
  groups.made++;
  groups.told++;
  foal_actor_tell_end(alone.any, FOAL_ENDED);
}

static void pony_founder_on_arrived(pony_founder *self, uint32_t group, uint32_t chain)
{
  FOAL_SIM_CHECK(group == self->groups);
  pony_sign(group, chain);
  groups.arrived++;
  if (++self->done < CHAINS) return;
  if (++self->groups < GENERATIONS) pony_founder_found(pony_founder_self(self));
}

static bool cycles_start(void)
{
  memset(&groups, 0, sizeof groups);
  pony_unsigned();
  FOAL_SIM_CHECK(pony_founder_spawn(&groups.founder));
  pony_founder_found(groups.founder);
  return true;
}

static void cycles_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(foal_sim_status() == 0);
  FOAL_SIM_CHECK(groups.arrived == GENERATIONS * CHAINS);
  FOAL_SIM_CHECK(groups.made >= GENERATIONS * MEMBERS && groups.ended == groups.made);
  FOAL_SIM_CHECK(c.actors_live == 0 && c.actors_spawned == groups.made + 1);
  FOAL_SIM_CHECK(c.messages_dropped == 0);
  if (groups.told > 0) foal_sim_mark("pony_cycle_told");
}

static const char *const cycles_marks[] = {"pony_cycle_told", NULL};
const foal_scenario pony_cycles = {
    .name = "pony_cycles",
    .about = "groups of actors that hold each other's tags, and nobody else does",
    .start = cycles_start,
    .check = cycles_check,
    .marks = cycles_marks,
};

/* ---- tags that are carried on ---- */

typedef struct pony_referent {
  bool called;
} pony_referent;
FOAL_TAG(pony_referent)
FOAL_ACTOR(pony_referent)
FOAL_BEHAVIOUR0(pony_referent, call)

typedef struct pony_relay {
  uint32_t me;
} pony_relay;
FOAL_TAG(pony_relay)
FOAL_ACTOR(pony_relay)
FOAL_BEHAVIOUR1(pony_relay, begin, uint32_t, me)
FOAL_BEHAVIOUR2(pony_relay, cite, pony_referent_tag, whom, uint32_t, hops)

static struct {
  pony_relay_tag relays[RELAYS];
  uint32_t chains, sent, received, called, calls;
} refs;

static void pony_relay_on_begin(pony_relay *self, uint32_t me)
{
  self->me = me;
}

static void cite(pony_referent_tag whom, uint32_t hops)
{
  refs.sent++;
  pony_relay_cite(refs.relays[foal_sim_draw(RELAYS)], whom, hops);
}

/* Called now and then; with the first call it ends, and the tag travels on. */
static void pony_relay_on_cite(pony_relay *self, pony_referent_tag whom, uint32_t hops)
{
  refs.received++;
  pony_sign(self->me, hops);
  if (hops == 0 || foal_sim_draw(3) == 0) {
    refs.calls++;
    pony_referent_call(whom);
  }
  if (hops > 0) cite(whom, hops - 1);
}

static void pony_referent_on_call(pony_referent *self)
{
  FOAL_SIM_CHECK(!self->called);
  self->called = true;
  refs.called++;
  foal_actor_end(FOAL_ENDED);
}

static bool actorref_start(void)
{
  memset(&refs, 0, sizeof refs);
  pony_unsigned();
  refs.chains = foal_sim_size(TOKENS);
  for (uint32_t i = 0; i < RELAYS; i++) {
    FOAL_SIM_CHECK(pony_relay_spawn_on(&refs.relays[i], i % foal_workers()));
    pony_relay_begin(refs.relays[i], i);
  }
  for (uint32_t i = 0; i < refs.chains; i++) {
    pony_referent_tag whom;
    FOAL_SIM_CHECK(pony_referent_spawn_on(&whom, foal_sim_draw(foal_workers())));
    cite(whom, HOPS_MAX);
  }
  return true;
}

static void actorref_check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(refs.sent == refs.chains * (HOPS_MAX + 1));
  FOAL_SIM_CHECK(refs.received == refs.sent && refs.called == refs.chains);
  FOAL_SIM_CHECK(c.messages_dropped == refs.calls - refs.called);
  if (c.messages_dropped > 0) foal_sim_mark("pony_ref_stale");
}

static const char *const actorref_marks[] = {"pony_ref_stale", NULL};
const foal_scenario pony_actorref = {
    .name = "pony_actorref",
    .about = "tags that are carried on, also when whom they name has ended",
    .start = actorref_start,
    .check = actorref_check,
    .marks = actorref_marks,
};
