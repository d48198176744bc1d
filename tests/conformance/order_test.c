/* order_test.c - Pony's programs that show that one seed gives one run, and those of its
 * stress tests that have such a mode: in the simulator, each seed twice, with other runs
 * between.
 *
 * A run is the same when its trace has the same hash: every turn, message, byte and fault
 * in its order. The scenarios pony_... also sign what they saw themselves, as Pony's
 * programs do. That everything arrives, once and in order, is what they check in every
 * run; a run that fails ends this program. */
#include "foal_test.h"
#include "sim/impl/run.h"
#include "sim/pony.h"
#include "sim/scenarios.h"

TestSuite(conf_order, .timeout = 60);

enum { SEEDS = 20, SEEDS_TLS = 6 };

static void say_why(const foal__sim_result *result)
{
  fprintf(stderr, "failed: %s\n", result->why);
}

typedef struct outcome {
  uint64_t hash, signature;
} outcome;

static outcome run_once(const foal_scenario *scenario, uint64_t seed)
{
  static foal__sim_result result;
  foal__sim_config config = {.seed = seed, .scale = 100};
  foal__sim_on_failure(say_why);
  foal__sim_run(scenario, &config, &result);
  cr_assert(result.finished);
  return (outcome){result.hash, pony_signature()};
}

/* Forwards and then backwards: a run must not know which one was before it. */
static void runs_twice(const foal_scenario *scenario, uint64_t seeds, bool is_signed)
{
  outcome first[SEEDS];
  uint64_t others = 0;
  for (uint64_t i = 0; i < seeds; i++) first[i] = run_once(scenario, i + 1);
  for (uint64_t i = seeds; i-- > 0;) {
    outcome again = run_once(scenario, i + 1);
    cr_assert_eq(again.hash, first[i].hash, "%s, seed %u", scenario->name,
                 (unsigned)i + 1);
    if (is_signed) cr_assert_eq(again.signature, first[i].signature);
    if (i > 0 && is_signed) others += first[i].signature != first[0].signature;
    if (i > 0 && !is_signed) others += first[i].hash != first[0].hash;
  }
  /* Otherwise a signature would say nothing. */
  cr_assert_geq(others, seeds / 2);
}

Test(conf_order, order_signature)
{
  runs_twice(&pony_order, SEEDS, true);
}

Test(conf_order, mute_order_signature)
{
  runs_twice(&pony_mute_order, SEEDS, true);
}

/* Nothing is acquired or released here: a val has one counter. What is left of the row is
 * that who drops last, and on which worker, is the same again. */
Test(conf_order, acquire_release_order_signature)
{
  runs_twice(&pony_acquire, SEEDS, true);
}

/* There is no collector: cycles of tags keep nobody alive. */
Test(conf_order, cycle_collection_order_signature)
{
  runs_twice(&pony_cycles, SEEDS, true);
}

/* Its five workloads, each with scenarios of ours. */
Test(conf_order, generative)
{
  runs_twice(&rt_mesh, SEEDS, false);      /* mesh */
  runs_twice(&pony_cycles, SEEDS, true);   /* cyclic */
  runs_twice(&rt_fan_in, SEEDS, false);    /* backpressure */
  runs_twice(&rt_circle, SEEDS, false);    /* and in circles */
  runs_twice(&rt_own, SEEDS, false);       /* iso */
  runs_twice(&pony_actorref, SEEDS, true); /* actorref */
}

Test(conf_order, suspend_drain)
{
  runs_twice(&pony_drain, SEEDS, true);
}

/* Over real sockets: conf_swarm.tcp_swarm. */
Test(conf_order, tcp_swarm)
{
  runs_twice(&net_echo, SEEDS, false);
  runs_twice(&net_close, SEEDS, false);
  runs_twice(&tls_echo, SEEDS_TLS, false);
  runs_twice(&tls_close, SEEDS_TLS, false);
}
