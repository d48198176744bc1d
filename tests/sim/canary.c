/* canary.c - scenarios with planted bugs: the simulator must find each of them.
 *
 * canary: customers read the balance, and write back what it was and one more; between
 * the two another one may have done the same. canary_crash: a program that aborts when
 * two messages come in the rarer order. canary_state: what a run leaves in a static
 * variable changes the next one. canary_memory: forgets that the first actor, too, may
 * not be made. canary_mark: never meets a case it promised to meet. canary_hang: a turn
 * without end. They run only when they are named. */
#include "scenarios.h"

#include "../../runtime/actor.h"
#include "../../sim/impl/options.h"

#include <stdlib.h>
#include <string.h>

enum { CUSTOMERS = 2, PAYMENTS_MAX = 4, ACTORS = 4 };

/* ---- canary ---- */

typedef struct account {
  uint32_t balance;
} account;
FOAL_TAG(account)
typedef struct customer {
  account_tag account;
  uint32_t left;
} customer;
FOAL_TAG(customer)
FOAL_ACTOR(account)
FOAL_BEHAVIOUR1(account, ask, customer_tag, from)
FOAL_BEHAVIOUR1(account, put, uint32_t, balance)
FOAL_ACTOR(customer)
FOAL_BEHAVIOUR2(customer, pay, account_tag, to, uint32_t, times)
FOAL_BEHAVIOUR1(customer, tell, uint32_t, balance)

static uint32_t paid, balance_last;

static void account_on_ask(account *self, customer_tag from)
{
  customer_tell(from, self->balance);
}

static void account_on_put(account *self, uint32_t balance)
{
  if (balance <= self->balance) foal_sim_note("a payment is lost: %u", balance);
  self->balance = balance;
  balance_last = balance;
}

static void customer_on_pay(customer *self, account_tag to, uint32_t times)
{
  self->account = to;
  self->left = times;
  account_ask(to, customer_self(self));
}

static void customer_on_tell(customer *self, uint32_t balance)
{
  paid++;
  account_put(self->account, balance + 1);
  if (--self->left > 0) account_ask(self->account, customer_self(self));
}

static bool canary_start(void)
{
  account_tag to;
  paid = balance_last = 0;
  FOAL_SIM_CHECK(account_spawn(&to));
  for (int i = 0; i < CUSTOMERS; i++) {
    customer_tag from;
    FOAL_SIM_CHECK(customer_spawn_on(&from, foal_sim_draw(foal_workers())));
    /* Rare enough that most runs are good. */
    if (i == 0 || foal_sim_chance("canary.second")) {
      customer_pay(from, to, foal_sim_size(PAYMENTS_MAX));
    } else {
      foal_actor_tell_end(from.any, FOAL_ENDED);
    }
  }
  return true;
}

static void canary_check(void)
{
  FOAL_SIM_CHECK(paid > 0);
  FOAL_SIM_CHECK(balance_last == paid);
}

const foal_scenario canary = {
    .name = "canary",
    .about = "has a bug: payments get lost",
    .start = canary_start,
    .check = canary_check,
    .flags = FOAL__SIM_ASKED,
};

/* ---- canary_crash ---- */

typedef struct fuse {
  bool lit;
} fuse;
FOAL_TAG(fuse)
FOAL_ACTOR(fuse)
FOAL_BEHAVIOUR0(fuse, light)
FOAL_BEHAVIOUR0(fuse, cut)
typedef struct hand {
  bool used;
} hand;
FOAL_TAG(hand)
FOAL_ACTOR(hand)
FOAL_BEHAVIOUR2(hand, touch, fuse_tag, what, bool, lights)

static void fuse_on_light(fuse *self)
{
  self->lit = true;
}

static void fuse_on_cut(fuse *self)
{
  if (!self->lit) abort();
}

static void hand_on_touch(hand *self, fuse_tag what, bool lights)
{
  self->used = true;
  if (lights) {
    fuse_light(what);
  } else {
    fuse_cut(what);
  }
}

static bool crash_start(void)
{
  fuse_tag what;
  FOAL_SIM_CHECK(fuse_spawn(&what));
  for (int i = 0; i < 2; i++) {
    hand_tag by;
    FOAL_SIM_CHECK(hand_spawn_on(&by, foal_sim_draw(foal_workers())));
    hand_touch(by, what, i == 0);
  }
  return true;
}

const foal_scenario canary_crash = {
    .name = "canary_crash",
    .about = "has a bug: aborts",
    .start = crash_start,
    .flags = FOAL__SIM_ASKED,
};

/* ---- canary_state ---- */

static bool state_start(void)
{
  static uint32_t runs;
  fuse_tag what;
  FOAL_SIM_CHECK(fuse_spawn(&what));
  for (uint32_t i = 0; i <= runs % 5; i++) fuse_light(what);
  runs++;
  return true;
}

const foal_scenario canary_state = {
    .name = "canary_state",
    .about = "has a bug: remembers earlier runs",
    .start = state_start,
    .flags = FOAL__SIM_ASKED,
};

/* ---- canary_memory ---- */

static bool memory_start(void)
{
  for (int i = 0; i < ACTORS; i++) {
    fuse_tag what;
    bool made = fuse_spawn(&what);
    FOAL_SIM_CHECK(made || i > 0);
    if (!made) return false;
    fuse_light(what);
  }
  return true;
}

const foal_scenario canary_memory = {
    .name = "canary_memory",
    .about = "has a bug: the first actor must be made",
    .start = memory_start,
    .flags = FOAL__SIM_ASKED | FOAL_SIM_MEMORY,
};

/* ---- canary_mark ---- */

static bool mark_start(void)
{
  if (foal_sim_draw(2) == 0) foal_sim_mark("heads");
  return true;
}

static const char *const marks[] = {"heads", "edge", NULL};
const foal_scenario canary_mark = {
    .name = "canary_mark",
    .about = "has a bug: a case is never met",
    .start = mark_start,
    .marks = marks,
    .flags = FOAL__SIM_ASKED,
};

/* ---- canary_hang ---- */

static bool hang_start(void)
{
  volatile bool forever = foal_sim_draw(2) == 0;
  while (forever) continue;
  return true;
}

const foal_scenario canary_hang = {
    .name = "canary_hang",
    .about = "has a bug: hangs",
    .start = hang_start,
    .flags = FOAL__SIM_ASKED,
};
