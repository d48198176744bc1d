/* work.h - blocking work: a function that runs beside the workers and answers by message.
 *
 * Files, name look-ups, private-key operations and anything else that may block
 * belongs here. The work function gets one buffer and nothing else: no actor state, no
 * session, no turn. It may change the buffer or put another one in its place. */
#ifndef FOAL_WORK_H
#define FOAL_WORK_H

#include "behaviour.h"

/* Queues the work; used by FOAL_WORK. */
FOAL_API void foal__work(foal_tag reply_to, const foal_behaviour *done,
                         void (*work)(foal_buf **b), foal_buf **b) FOAL_TAKES(*b);

/** Gives T the function T_be_start(T *self, foal_buf **b) and asks for two of yours:
 *    static void T_work_be(foal_buf **b)           runs on a thread of the blocking pool;
 *                                                  borrows *b, may replace it, never NULL
 *    static void T_on_be(T *self, foal_buf **b)    runs in a turn with the result
 *  Work that is running keeps the program alive. Results come in any order; that for an
 *  actor which has ended is dropped. The pool is libuv's: 4 threads, or as many as
 *  UV_THREADPOOL_SIZE says. Without memory the work runs at once, in the turn.
 *  b       iso, moved; *b is NULL on return
 *  runs    T_be_start: on a turn of that actor
 *  T, be   as in FOAL_BEHAVIOUR0 */
#define FOAL_WORK(T, be)                                                                 \
  FOAL_BEHAVIOUR_ISO(T, be)                                                              \
  static void T##_work_##be(foal_buf **b) FOAL_USES(*b);                                 \
  FOAL_TRUSTED static void T##__work_##be(foal_buf **b_)                                 \
  {                                                                                      \
    T##_work_##be(b_);                                                                   \
  }                                                                                      \
  FOAL_UNUSED static inline void T##_##be##_start(T *self_, foal_buf **b_)               \
      FOAL_TURN FOAL_TAKES(*b_);                                                         \
  FOAL_TRUSTED FOAL_UNUSED static inline void T##_##be##_start(T *self_, foal_buf **b_)  \
  {                                                                                      \
    foal__work(T##_self(self_).any, &T##__be_##be, T##__work_##be, b_);                  \
  }

#endif
