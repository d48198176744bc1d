/* probes.h - stands in front of every file of runtime/ that is compiled for the
 * simulator, in place of impl/atomic.h and impl/probe.h.
 *
 * Each atomic operation is a point where another worker may come first; each probe is a
 * call into probes.c. The operations themselves and their orders are the production
 * ones. */
#ifndef FOAL_SIM_IMPL_PROBES_H
#define FOAL_SIM_IMPL_PROBES_H

#define FOAL_IMPL_ATOMIC_H
#define FOAL_IMPL_PROBE_H

#include "engine.h"

#include <stdatomic.h>

#define foal__sim_then_(operation) (foal__sim_point(), (operation))
#define foal__load(p, order)                                                             \
  foal__sim_then_(atomic_load_explicit((p), memory_order_##order))
#define foal__store(p, v, order)                                                         \
  foal__sim_then_(atomic_store_explicit((p), (v), memory_order_##order))
#define foal__xchg(p, v, order)                                                          \
  foal__sim_then_(atomic_exchange_explicit((p), (v), memory_order_##order))
#define foal__add(p, v, order)                                                           \
  foal__sim_then_(atomic_fetch_add_explicit((p), (v), memory_order_##order))
#define foal__sub(p, v, order)                                                           \
  foal__sim_then_(atomic_fetch_sub_explicit((p), (v), memory_order_##order))
#define foal__or(p, v, order)                                                            \
  foal__sim_then_(atomic_fetch_or_explicit((p), (v), memory_order_##order))
#define foal__and(p, v, order)                                                           \
  foal__sim_then_(atomic_fetch_and_explicit((p), (v), memory_order_##order))
#define foal__peek(p) atomic_load_explicit((p), memory_order_relaxed)
/* Strong in both: a weak one that fails for no reason would be an undrawn choice. */
#define foal__cas(p, expected, v, order)                                                 \
  foal__sim_then_(atomic_compare_exchange_strong_explicit(                               \
      (p), (expected), (v), memory_order_##order, memory_order_relaxed))
#define foal__cas_strong(p, expected, v, order) foal__cas(p, expected, v, order)

struct foal__worker;
struct foal_actor;
struct foal_msg;
void foal__sim_probe_idle(struct foal__worker *w);
void foal__sim_probe_sent(struct foal__worker *w, struct foal_actor *x,
                          struct foal_msg *m);
void foal__sim_probe_run(struct foal__worker *w, struct foal_actor *x,
                         struct foal_msg *m);
void foal__sim_probe_spawned(struct foal__worker *w, struct foal_actor *x);
void foal__sim_probe_ended(struct foal__worker *w, struct foal_actor *x, int why);

extern bool foal__sim_telling;
#define foal__probe_idle(w) foal__sim_probe_idle(w)
#define foal__probe_sent(w, x, m)                                                        \
  (foal__sim_telling ? foal__sim_probe_sent((w), (x), (m)) : (void)0)
#define foal__probe_run(w, x, m)     foal__sim_probe_run((w), (x), (m))
#define foal__probe_spawned(w, x)    foal__sim_probe_spawned((w), (x))
#define foal__probe_ended(w, x, why) foal__sim_probe_ended((w), (x), (int)(why))

#endif
