/* pending.h - what a simulated event loop has to call at its next poll.
 *
 * An item is on one poller at most once; putting it there again does nothing, as an edge
 * that was not taken yet is no second edge. A poll runs the items that were there when
 * it began, in drawn order, on the fiber of the worker. An item that was taken out
 * before its turn is not run. */
#ifndef FOAL_SIM_IMPL_PENDING_H
#define FOAL_SIM_IMPL_PENDING_H

#include "../../runtime/impl/poller.h"

typedef struct foal__sim_pending {
  struct foal__sim_pending *next, *prev; /* in a ring; NULL: nowhere */
  void (*run)(struct foal__sim_pending *item);
} foal__sim_pending;

/* Makes the poll of this worker run the item; wakes it when it is blocked. */
void foal__sim_pend(foal__poller *poller, foal__sim_pending *item);
void foal__sim_unpend(foal__sim_pending *item);

/* A handle or request was registered (+1) or is gone (-1). */
void foal__sim_poller_count(foal__poller *poller, int by);

/* The number of the worker, for the story. */
uint32_t foal__sim_poller_worker(const foal__poller *poller);

#endif
