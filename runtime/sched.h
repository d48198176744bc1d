/* sched.h - the program: start, run, stop; workers; counters.
 *
 *    foal_start(&options);      // the runtime exists; spawn and send the first messages
 *    return foal_run();         // workers run until nothing is left to do, or foal_stop
 *
 * The program ends by itself when no actor is runnable, no message is on its way and
 * nothing that can produce one is open (listeners, connections, timers, blocking work,
 * holds). One runtime per process at a time; after foal_run it may be started again.
 *
 * Where a function may be called is the slot `runs` of its comment. A worker is one of
 * the library's threads; the thread that called foal_start is worker 0. "On a turn" is in
 * a behaviour or handler, and in what they call. "Anywhere" is on any thread, in a turn
 * or not. */
#ifndef FOAL_SCHED_H
#define FOAL_SCHED_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  FOAL_WORKERS_MAX = 64,
};

/* Zero in any field: the default. */
typedef struct foal_options {
  uint32_t workers;          /* threads; default: one per online core */
  uint32_t batch_messages;   /* messages of one turn; default 100 */
  uint32_t batch_us;         /* time of one turn, microseconds; default 50 */
  uint32_t mailbox_messages; /* waiting messages that mute the sender; default 1000 */
  uint32_t spin_us;          /* spinning before a worker parks, microseconds; default 0 */
  uint32_t drain_ms; /* after a signal: time for connections to end; default 10000 */
  bool keep_signals; /* leave SIGINT and SIGTERM alone */
  bool pin_workers;  /* bind worker n to core n */
} foal_options;

/** Builds the runtime. From here on the calling thread is worker 0. Once this has
 *  succeeded, foal_run takes it down again; who has to give up before calls foal_stop and
 *  foal_run. SIGPIPE is ignored from here on, unless the program has a handler for it.
 *  options   borrowed; NULL: all defaults
 *  runs      on the main thread, outside foal_run
 *  fails     FOAL_BAD_ARGUMENT, FOAL_BAD_STATE (already started), FOAL_NO_MEMORY,
 *            FOAL_IO, FOAL_FILE_LIMIT; nothing remains */
FOAL_API foal_err foal_start(const foal_options *options) FOAL_MUST;

/** Reads --foal-workers=N, --foal-batch=N, --foal-batch-us=N, --foal-mailbox=N,
 *  --foal-spin-us=N and --foal-drain-ms=N from the command line, removes them from it
 *  and fills the options.
 *  options   borrowed, changed
 *  argc      borrowed, changed
 *  argv      borrowed, changed
 *  runs      before foal_start
 *  fails     FOAL_BAD_ARGUMENT after a line on standard error that says which */
FOAL_API foal_err foal_options_from(foal_options *options, int *argc, char **argv)
    FOAL_MUST;

/** Runs all workers until the program is quiet or stopped, ends every actor that is left
 *  and takes the runtime down.
 *  returns the status given to foal_stop, else 0
 *  runs      on the thread that called foal_start */
FOAL_API int foal_run(void);

/** Stops as soon as every worker has finished its turn. Actors that are left are ended.
 *  status    what foal_run returns; the last call counts
 *  runs      anywhere while the runtime exists, also before foal_run */
FOAL_API void foal_stop(int status);

/** Begins a graceful end, as SIGINT and SIGTERM do: listeners close, connections are
 *  asked to finish (`ended` with FOAL_STOPPED), and the program ends when they have, or
 *  is stopped when drain_ms is over. A second signal stops at once.
 *  runs      anywhere while the runtime exists, also before foal_run */
FOAL_API void foal_drain(void);

/** Whether a graceful end has begun.
 *  runs      anywhere */
FOAL_API bool foal_draining(void);

/** Keeps the program alive although nothing is going on, until foal_release. For threads
 *  that are not workers and will send.
 *  runs      anywhere while the runtime exists */
FOAL_API void foal_hold(void);

/** Undoes one foal_hold; one that was not held aborts.
 *  runs      on a turn, or on any thread that is not a worker */
FOAL_API void foal_release(void);

/** How many workers there are; their numbers are 0 .. n-1.
 *  runs      anywhere while the runtime exists */
FOAL_API uint32_t foal_workers(void);

/** The number of the worker this thread is; UINT32_MAX on other threads.
 *  runs      anywhere */
FOAL_API uint32_t foal_worker(void);

/* X(name, sentence). Sums over all workers. "live" ones go up and down and are 0 at a
 * clean end; the others only grow. */
#define FOAL_COUNTERS_MAP(X)                                                             \
  X(messages, "behaviours run")                                                          \
  X(messages_remote, "messages sent to another worker")                                  \
  X(messages_dropped, "messages to actors that had ended")                               \
  X(messages_lost, "messages lost because memory was exhausted")                         \
  X(actors_spawned, "actors made")                                                       \
  X(actors_moved, "actors given to another worker")                                      \
  X(mutes, "senders muted because a mailbox was full")                                   \
  X(parks, "times a worker went to sleep")                                               \
  X(wakes, "times a worker woke another")                                                \
  X(polls, "times the loop was polled")                                                  \
  X(actors_live, "actors that exist")                                                    \
  X(bufs_live, "buffers that exist")                                                     \
  X(timers_live, "timers that are armed")                                                \
  X(handles_live, "sockets and other handles that are open")                             \
  X(works_live, "pieces of blocking work that are running or queued")                    \
  X(accepted, "connections accepted")                                                    \
  X(connected, "connections made")                                                       \
  X(closed, "connections closed")                                                        \
  X(shed, "connections refused by a limit")                                              \
  X(bytes_in, "bytes read from sockets")                                                 \
  X(bytes_out, "bytes written to sockets")                                               \
  X(writes, "write calls to sockets")

#define FOAL_COUNTER_FIELD_(name, sentence) int64_t name;
typedef struct foal_counters {
  FOAL_COUNTERS_MAP(FOAL_COUNTER_FIELD_)
} foal_counters;
#undef FOAL_COUNTER_FIELD_

/** Reads the counters. While workers run the sums are approximate; after foal_run (until
 *  the next foal_start) they are exact.
 *  out       filled
 *  runs      anywhere, from any thread */
FOAL_API void foal_counters_read(foal_counters *out);

#endif
