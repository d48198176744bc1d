/* thread.h - threads for workers; the only user of pthread. */
#ifndef FOAL_IMPL_THREAD_H
#define FOAL_IMPL_THREAD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct foal__thread foal__thread;

/* Starts a thread. false: the system refused. */
bool foal__thread_start(foal__thread **out, void (*run)(void *arg), void *arg);

/* Waits for its end and frees it; NULL afterwards. */
void foal__thread_join(foal__thread **thread);

/* Binds the calling thread to the n-th of the cores it may use; refused silently where
 * the system does not allow it. foal__thread_unpin undoes it, on the same thread. */
void foal__thread_pin(uint32_t n);
void foal__thread_unpin(void);

/* Cores this thread may use, at least 1. */
uint32_t foal__thread_cores(void);

/* Lets another thread run. */
void foal__thread_yield(void);

/* Tells the processor that this is a spin loop. */
void foal__thread_relax(void);

#endif
