/* thread_sim.c - threads of the library, and of scenarios, as fibers. */
#include "../runtime/impl/thread.h"

#include "impl/engine.h"
#include "impl/run.h"
#include "impl/trace.h"

#include <stdlib.h>

enum { CORES = 4 };

struct foal__thread {
  foal__sim_fiber *fiber;
};

bool foal__thread_start(foal__thread **out, void (*run)(void *arg), void *arg)
{
  /* More often than other memory, or it would be met once in thousands of runs. */
  bool memory = foal__sim_on(FOAL__SIM_W_memory);
  if (foal__sim_fires(FOAL__SIM_W_memory) || (memory && foal_sim_chance("thread"))) {
    foal__sim_note_fired(FOAL__SIM_W_memory);
    foal__sim_tell_fault("memory");
    return false;
  }
  foal__thread *thread = malloc(sizeof *thread);
  if (thread == NULL) abort();
  thread->fiber = foal__sim_fiber_new("worker", run, arg);
  *out = thread;
  return true;
}

void foal__thread_join(foal__thread **thread)
{
  foal__sim_fiber_join((*thread)->fiber);
  free(*thread);
  *thread = NULL;
}

void foal__thread_pin(uint32_t n)
{
  (void)n;
}

void foal__thread_unpin(void) {}

uint32_t foal__thread_cores(void)
{
  return CORES;
}

void foal__thread_yield(void)
{
  foal__sim_relax();
}

void foal__thread_relax(void)
{
  foal__sim_relax();
}
