/* net_upgrade_test.c - what happens to a connection while it turns into TLS, where the
 * order of two messages, or one deadline beside another, decides.
 *
 * On the fake backend: the test says when everything happens, and time costs none. */
#include "conformance/upgrade_kit.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/worker.h"

TestSuite(net_upgrade, .timeout = 20);

/* ---- the end of the program in the same moment ---- */

/* Hears of the end before the TCP actor does, as it was there first. */
typedef struct herald {
  bool held;
} herald;
FOAL_TAG(herald)
FOAL_ACTOR(herald)
FOAL_BEHAVIOUR0(herald, begin)
FOAL_BEHAVIOUR0(herald, drain)

static void herald_on_begin(herald *self)
{
  foal__on_drain(herald_self(self).any, &herald__be_drain);
}

static void herald_on_drain(herald *self)
{
  (void)self;
  talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  foal_actor_end(FOAL_ENDED);
}

HOOK stays(talk *self, foal_err why)
{
  (void)self;
  (void)why;
}

static bool upgrades_while_it_drains(unsigned n)
{
  herald_tag one;
  if (up_begin(n)) return true;
  if (n == 1) {
    must(herald_spawn(&one));
    herald_begin(one);
  }
  if (n == 2) foal_drain();
  if (n == 3) fake_peer_call(&up_other, 0);
  return n <= 3;
}

Test(net_upgrade, an_upgrade_that_crosses_the_end_of_the_program)
{
  up_plan.ended = stays;
  up_play(true, upgrades_while_it_drains);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:STOPPED"));
}

static bool drains_in_the_middle(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  if (n == 2) foal_drain();
  return n <= 2;
}

/* Not after the time that a program has for its end. */
Test(net_upgrade, the_end_of_the_program_ends_an_upgrade_at_once)
{
  up_play(true, drains_in_the_middle);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_OK closed:STOPPED"));
  cr_assert_lt(fake_now_ms(), 1000 + 1000);
}

/* ---- deadlines ---- */

static bool upgrades_what_is_broken(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) fake(0)->taking = FAKE_FAILS;
  if (n == 1) talk_tell(up_one, TALK_SEND, 1);
  if (n == 2) talk_tell(up_one, TALK_CALL, UP_UPGRADE);
  return n <= 2;
}

/* The last words of a broken peer are waited for as long as without the upgrade. */
Test(net_upgrade, an_upgrade_of_a_broken_connection_does_not_live_longer)
{
  up_options = (foal_conn_options){.linger_ms = 50, .handshake_ms = 5000};
  up_play(true, upgrades_what_is_broken);
  cr_assert(talk_is(&up_plan, "opened send:1:OK upgrade:FOAL_OK receipt:1:RESET "
                              "closed:RESET"));
  cr_assert_lt(fake_now_ms(), 1000 + 1000);
}
