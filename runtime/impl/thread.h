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

/* Binds the calling thread to a core; refused silently where the system does not allow it. */
void foal__thread_pin(uint32_t core);

/* Online cores, at least 1. */
uint32_t foal__thread_cores(void);

/* Tells the processor that this is a spin loop. */
void foal__thread_relax(void);

#endif
