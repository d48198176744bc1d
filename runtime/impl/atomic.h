/* atomic.h - the only door to C11 atomics.
 *
 * Every shared word of the runtime is read and written through these, with its order
 * spelled out and its partner named where it is used. One door, so that a
 * deterministic scheduler can put a switching point behind it. There are no
 * stand-alone fences anywhere: ThreadSanitizer cannot see them. */
#ifndef FOAL_IMPL_ATOMIC_H
#define FOAL_IMPL_ATOMIC_H

#include <stdatomic.h>

#define foal__load(p, order)     atomic_load_explicit((p), memory_order_##order)
#define foal__store(p, v, order) atomic_store_explicit((p), (v), memory_order_##order)
#define foal__xchg(p, v, order)  atomic_exchange_explicit((p), (v), memory_order_##order)
#define foal__add(p, v, order)   atomic_fetch_add_explicit((p), (v), memory_order_##order)
#define foal__sub(p, v, order)   atomic_fetch_sub_explicit((p), (v), memory_order_##order)
#define foal__or(p, v, order)    atomic_fetch_or_explicit((p), (v), memory_order_##order)
#define foal__and(p, v, order)   atomic_fetch_and_explicit((p), (v), memory_order_##order)
/* A relaxed load for debug assertions: never a switching point, so that a deterministic
 * scheduler does the same in builds with and without them. */
#define foal__peek(p)            atomic_load_explicit((p), memory_order_relaxed)
/* A failed exchange reloads *expected and orders nothing. */
#define foal__cas(p, expected, v, order)                                                 \
  atomic_compare_exchange_weak_explicit((p), (expected), (v), memory_order_##order,      \
                                        memory_order_relaxed)
#define foal__cas_strong(p, expected, v, order)                                          \
  atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_##order,    \
                                          memory_order_relaxed)

#endif
