/* lifetime.h - the beginning and the end of the runtime and of each worker. */
#ifndef FOAL_IMPL_LIFETIME_H
#define FOAL_IMPL_LIFETIME_H

#include "core.h"

/* On the worker's own thread, when its loop is over: ends its actors, closes their
 * handles. */
void foal__worker_finish(foal__worker *w);

/* On the main thread, when all workers are joined: frees everything, keeps the
 * counters. */
void foal__runtime_close(void);

/* On each worker, when a graceful end has begun: tells those who asked for it. */
void foal__drain_begin(foal__worker *w);

/* Gives the worker's read buffer back. */
void foal__read_buf_release(foal__worker *w);

/* Sums of the last runtime, for foal_counters_read after its end. */
void foal__counters_keep(void);

#endif
