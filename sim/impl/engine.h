/* engine.h - one thread plays all threads: fibers, virtual time, timed events.
 *
 * A fiber is a worker, a guest thread, or a thread of the blocking pool. It runs until it
 * yields or waits; then the engine draws who is next. When no fiber is ready, time jumps
 * to the next event or time-out; when there is none either, the run is quiet: over if it
 * has ended, otherwise stuck. Events are fired by the engine between fibers, on no
 * worker: they change the simulated world and make fibers ready, and never call the
 * library. Every choice goes into the hash of the run. */
#ifndef FOAL_SIM_IMPL_ENGINE_H
#define FOAL_SIM_IMPL_ENGINE_H

#include "draw.h"

typedef struct foal__sim_fiber foal__sim_fiber;

/* ---- fibers ---- */

/* Makes a fiber that is ready to run. name: for the story. */
foal__sim_fiber *foal__sim_fiber_new(const char *name, void (*run)(void *arg), void *arg);
/* The one that runs; the main one is a fiber too. */
foal__sim_fiber *foal__sim_fiber_self(void);
/* Waits until it has returned, and frees it. */
void foal__sim_fiber_join(foal__sim_fiber *fiber);
/* A step: another fiber or an event may come first. */
void foal__sim_yield(void);
/* Waits until somebody calls foal__sim_ready, or until the time; true: made ready. */
bool foal__sim_wait(uint64_t until_ns);
/* Makes a waiting fiber ready; one that does not wait will not block in its next
 * foal__sim_wait. */
void foal__sim_ready(foal__sim_fiber *fiber);

/* ---- time ---- */

#define FOAL__SIM_NEVER UINT64_MAX

/* Virtual monotonic nanoseconds, at least 1 s after boot. */
uint64_t foal__sim_now_ns(void);
/* Lets some time pass. */
void foal__sim_pass(uint64_t ns);
/* Steps so far: turns, polls, events. */
uint64_t foal__sim_steps(void);

/* A thing that happens in the world at some time. Intrusive; zero is idle. */
typedef struct foal__sim_event {
  uint64_t due_ns, order;
  uint32_t at; /* place in the heap + 1 */
  void (*fire)(struct foal__sim_event *event);
} foal__sim_event;

/* (Re)sets. Events of the same time fire in drawn order. */
void foal__sim_event_set(foal__sim_event *event, uint64_t due_ns);
void foal__sim_event_cancel(foal__sim_event *event);

/* ---- the run ---- */

void foal__sim_engine_begin(uint64_t steps_calm, uint64_t steps_max, bool fine);
/* Frees everything; no fiber but the main one is left. */
void foal__sim_engine_end(void);

/* Whether workers interleave at every shared word; then a worker that does not run may be
 * in the middle of anything. */
bool foal__sim_is_fine(void);
/* How many were left in the middle of something. 0: every worker is between turns, or
 * waits for events. */
uint32_t foal__sim_midway(void);
/* As foal__sim_yield, by one who waits for others in a loop. */
void foal__sim_relax(void);

/* Called when nothing can happen any more: may change that (true), else it is stuck. */
void foal__sim_engine_on_quiet(bool (*quiet)(void));

/* ---- fine interleaving: a switching point behind every atomic operation ---- */

extern int64_t foal__sim_points; /* operations left until a switch */
void foal__sim_preempt(void);
static inline void foal__sim_point(void)
{
  if (__builtin_expect(--foal__sim_points <= 0, 0)) foal__sim_preempt();
}

#endif
