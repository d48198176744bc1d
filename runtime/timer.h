/* timer.h - timers that arrive as behaviours.
 *
 * A timer belongs to the actor that armed it and to the worker it was armed on; an
 * actor with armed timers does not move to another worker. An armed timer keeps the
 * program alive. The timers of an ended actor are cancelled. Resolution: one
 * millisecond; never early. */
#ifndef FOAL_TIMER_H
#define FOAL_TIMER_H

#include "behaviour.h"

/* An armed timer: a value. Zero, fired and cancelled ones are stale, which is safe. */
typedef struct foal_timer {
  void *node_;
  uint64_t id_;
} foal_timer;

enum { FOAL_TIMER_MS_MAX = 0x7fffffff }; /* 24 days */

/* Arms a timer for the actor whose turn it is; used by FOAL_TIMER. */
FOAL_API foal_timer foal__timer_arm(const void *self, const foal_behaviour *fired,
                                    uint64_t delay_ms) FOAL_TURN;

/** Cancels: the behaviour will not run, not even when the timer had already expired and
 *  its message was waiting.
 *  timer   value; a stale one is ignored
 *  returns whether it was armed
 *  runs    on a turn of the actor that armed it */
FOAL_API bool foal_timer_cancel(foal_timer timer) FOAL_TURN;

/** Gives T the behaviour `be` without arguments and, on a turn of that actor,
 *    foal_timer T_be_after(T *self, uint64_t delay_ms)
 *  T_on_be(self) runs once when the delay is over; to repeat, arm it again there. Several
 *  may be armed at a time. Delays above FOAL_TIMER_MS_MAX are cut to it. Without memory
 *  the timer is stale from the start and the behaviour is sent at once.
 *  T, be   as in FOAL_BEHAVIOUR0 */
#define FOAL_TIMER(T, be)                                                                \
  FOAL_BEHAVIOUR0(T, be)                                                                 \
  FOAL_UNUSED static inline foal_timer T##_##be##_after(T *self_, uint64_t delay_ms_)    \
      FOAL_TURN;                                                                         \
  FOAL_UNUSED static inline foal_timer T##_##be##_after(T *self_, uint64_t delay_ms_)    \
  {                                                                                      \
    return foal__timer_arm(self_, &T##__be_##be, delay_ms_);                             \
  }

#endif
