/* loop.h - the libuv loop behind a worker's poller; for the files of net/ that see
 * uv.h.
 *
 * Everything here is for the thread of the worker the poller belongs to. */
#ifndef FOAL_NET_IMPL_LOOP_H
#define FOAL_NET_IMPL_LOOP_H

#include "../../runtime/impl/poller.h"

#include <uv.h>

/* The loop of a poller; its data is the poller. */
uv_loop_t *foal__poller_loop(foal__poller *poller);

/* Tells the poller that a handle or request was registered (+1) or is gone (-1); as
 * long as there is one, it is worth polling between turns. */
void foal__poller_count(foal__poller *poller, int by);

/* A socket with something to read, waiting for its turn; part of it. link NULL: it is
 * not. */
typedef struct foal__due {
  struct foal__due *next, **link;
} foal__due;

/* Lets it wait behind the others; then it is served once, under the poll. */
void foal__due_add(foal__poller *poller, foal__due *due);

/* Takes it out if it waits. */
void foal__due_remove(foal__poller *poller, foal__due *due);

/* Says how a socket is read; the same for all. */
void foal__due_served_by(foal__poller *poller, void (*serve)(foal__due *due));

#endif
