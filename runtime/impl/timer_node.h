/* timer_node.h - a user timer: an alarm, and its place in the list of its actor. */
#ifndef FOAL_IMPL_TIMER_NODE_H
#define FOAL_IMPL_TIMER_NODE_H

#include "core.h"

struct foal__timer {
  foal__alarm alarm;
  uint64_t id; /* of the foal_timer that is armed or fired; 0: free */
  const foal_behaviour *behaviour;
  foal__timer *next, **link; /* timers of one actor; link NULL: not in a list */
};

/* Cancels all timers of an actor that ends. */
void foal__timers_cancel(foal__worker *w, foal_actor *x);

/* The wheel: turns to `now_ms` and sends what is due. */
void foal__wheel_turn(foal__worker *w, uint64_t now_ms);
/* Milliseconds until it must turn next; UINT64_MAX: nothing is armed. Never too late. */
uint64_t foal__wheel_wait_ms(const foal__worker *w);

#endif
