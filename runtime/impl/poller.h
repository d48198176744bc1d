/* poller.h - seam: the event loop inside a worker, as the scheduler sees it.
 *
 * Production: net/poller_uv.c (one libuv loop per worker). A simulator links another
 * object with the same symbols. Callbacks of the loop run under foal__poller_poll on
 * the worker's own thread and only move data and post messages. */
#ifndef FOAL_IMPL_POLLER_H
#define FOAL_IMPL_POLLER_H

#include "../err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct foal__poller foal__poller;

#define FOAL__POLL_FOREVER UINT64_MAX

/* Opens the loop of one worker; called on the thread of foal_start. */
foal_err foal__poller_open(foal__poller **out, uint32_t worker);

/* Closes it; every handle on it must be closed, the worker's thread joined. */
void foal__poller_close(foal__poller **poller);

/* Runs callbacks that are due. timeout_ns 0: do not block. Otherwise blocks until
 * something happens, foal__poller_wake, or the time is over. */
void foal__poller_poll(foal__poller *poller, uint64_t timeout_ns);

/* Makes a blocked or the next foal__poller_poll return. From any thread; the caller has
 * published its reason with a seq_cst read-modify-write before. */
void foal__poller_wake(foal__poller *poller);

/* Whether anything but the wake handle is registered, so that polling between turns is
 * worth it. On the worker's own thread. */
bool foal__poller_busy(const foal__poller *poller);

/* A piece of blocking work; embedded in memory the caller owns until `done` was
 * called. */
typedef struct foal__job {
  void (*run)(struct foal__job *job);  /* on a thread of the blocking pool */
  void (*done)(struct foal__job *job); /* on the worker's thread, under the poll */
} foal__job;

/* Queues the work. On the worker's own thread. false: out of memory, nothing happens. */
bool foal__poller_work(foal__poller *poller, foal__job *job);

/* Calls back under the poll when SIGINT or SIGTERM arrives, until
 * foal__poller_unwatch. */
foal_err foal__poller_watch_signals(foal__poller *poller,
                                    void (*caught)(int signal_number));
void foal__poller_unwatch_signals(foal__poller *poller);

#endif
