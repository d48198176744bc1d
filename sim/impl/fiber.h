/* fiber.h - stacks that take turns on one thread. Knows nothing of what runs on them. */
#ifndef FOAL_SIM_IMPL_FIBER_H
#define FOAL_SIM_IMPL_FIBER_H

#include <stddef.h>

typedef struct foal__sim_stack foal__sim_stack;

/* A stack that will call run(arg) when it is switched to first; run must never return.
 * NULL run: the stack of the caller, to switch away from. */
foal__sim_stack *foal__sim_stack_new(void (*run)(void *arg), void *arg);
void foal__sim_stack_free(foal__sim_stack *stack);

/* Goes on with `to`; returns when somebody switches back to `from`. */
void foal__sim_stack_switch(foal__sim_stack *from, foal__sim_stack *to);

#endif
