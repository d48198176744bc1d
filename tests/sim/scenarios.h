/* scenarios.h - all scenarios of foal-sim, in the order in which they run.
 *
 * X(variable). A new scenario is one line here and its file in CMakeLists.txt. */
#ifndef FOAL_TESTS_SIM_SCENARIOS_H
#define FOAL_TESTS_SIM_SCENARIOS_H

#include "../../sim/sim.h"

/* These have bugs, so that something can be found; they run only when they are named. */
#define SCENARIOS_CANARY(X)                                                              \
  X(canary)                                                                              \
  X(canary_crash)                                                                        \
  X(canary_state)                                                                        \
  X(canary_memory)                                                                       \
  X(canary_mark)                                                                         \
  X(canary_hang)

/* The runtime alone; baton_: workers interleave at every shared word. */
#define SCENARIOS_RUNTIME(X)                                                             \
  X(rt_mesh)                                                                             \
  X(rt_own)                                                                              \
  X(rt_own_poor)                                                                         \
  X(rt_fan_in)                                                                           \
  X(rt_circle)                                                                           \
  X(rt_tree)                                                                             \
  X(rt_timers)                                                                           \
  X(rt_naps)                                                                             \
  X(rt_watch)                                                                            \
  X(rt_reuse)                                                                            \
  X(rt_last)                                                                             \
  X(rt_bytes)                                                                            \
  X(rt_thrift)                                                                           \
  X(rt_crowd)                                                                            \
  X(rt_watch_poor)                                                                       \
  X(rt_work)                                                                             \
  X(rt_work_poor)                                                                        \
  X(rt_guests)                                                                           \
  X(rt_stops)                                                                            \
  X(rt_stops_poor)                                                                       \
  X(rt_move)                                                                             \
  X(rt_fair)                                                                             \
  X(baton_push)                                                                          \
  X(baton_relay)                                                                         \
  X(baton_pair)                                                                          \
  X(baton_door)                                                                          \
  X(baton_wake)                                                                          \
  X(baton_wake_pair)                                                                     \
  X(baton_late)                                                                          \
  X(baton_holds)                                                                         \
  X(baton_mesh)                                                                          \
  X(baton_fan_in)                                                                        \
  X(baton_circle)                                                                        \
  X(baton_tree)                                                                          \
  X(baton_watch)                                                                         \
  X(baton_last)                                                                          \
  X(baton_work)                                                                          \
  X(baton_guests)                                                                        \
  X(baton_stops)                                                                         \
  X(baton_move)

/* Connections, plain and over TLS. */
#define SCENARIOS_NET(X)                                                                 \
  X(net_echo)                                                                            \
  X(net_echo_memory)                                                                     \
  X(tls_echo)                                                                            \
  X(tls_echo_memory)                                                                     \
  X(net_close)                                                                           \
  X(tls_close)                                                                           \
  X(net_bulk)                                                                            \
  X(tls_bulk)                                                                            \
  X(net_time)                                                                            \
  X(net_dial)                                                                            \
  X(net_bounds)                                                                          \
  X(net_cap)                                                                             \
  X(net_churn)                                                                           \
  X(tls_churn)                                                                           \
  X(net_proxy)                                                                           \
  X(tls_hostile)                                                                         \
  X(tls_cross)                                                                           \
  X(tls_soon)                                                                            \
  X(tls_bare)                                                                            \
  X(tls_session)                                                                         \
  X(tls_handshake)                                                                       \
  X(net_receipts)                                                                        \
  X(tls_receipts)                                                                        \
  X(tls_upgrade)                                                                         \
  X(net_any)                                                                             \
  X(tls_any)                                                                             \
  X(tls_any_upgrade)

/* What Pony's own programs show; see pony.h. */
#define SCENARIOS_PONY(X)                                                                \
  X(pony_order)                                                                          \
  X(pony_mute_order)                                                                     \
  X(pony_acquire)                                                                        \
  X(pony_cycles)                                                                         \
  X(pony_actorref)                                                                       \
  X(pony_drain)

#define SCENARIOS(X)                                                                     \
  SCENARIOS_CANARY(X)                                                                    \
  SCENARIOS_RUNTIME(X)                                                                   \
  SCENARIOS_NET(X)                                                                       \
  SCENARIOS_PONY(X)

#define SCENARIO_DECLARE_(variable) extern const foal_scenario variable;
SCENARIOS(SCENARIO_DECLARE_)

#endif
