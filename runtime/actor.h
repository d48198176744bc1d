/* actor.h - tags of any type, ending, watching.
 *
 * An actor ends when it ends itself, is told to end, or the program stops. Its
 * messages that are still on their way are dropped and counted; tags to it become
 * stale and stay safe for ever. Whoever watches it gets exactly one `down`. */
#ifndef FOAL_ACTOR_H
#define FOAL_ACTOR_H

#include "behaviour.h"

/** Whether the tag is the zero tag, which names nobody. The tag of an actor that has
 *  ended is not nobody.
 *  tag    value; T_tag.any of any type
 *  runs   anywhere */
FOAL_API bool foal_tag_is_nobody(foal_tag tag);

/** Whether two tags name the same actor.
 *  a, b   values
 *  runs   anywhere */
FOAL_API bool foal_tag_equal(foal_tag a, foal_tag b);

/** Ends the actor whose turn it is, after the current behaviour. Messages that it has not
 *  handled are dropped. Of several calls the first counts. The actor of a connection cuts
 *  it: to close, use foal_conn_close.
 *  why    what its watchers are told; FOAL_ENDED for an ordinary end
 *  runs   on any turn */
FOAL_API void foal_actor_end(foal_err why) FOAL_TURN;

/** Tells an actor to end, in order behind what the same sender has sent to it before.
 *  who    tag.any of any actor; nobody and ended actors are ignored
 *  why    what its watchers are told
 *  runs   anywhere */
FOAL_API void foal_actor_tell_end(foal_tag who, foal_err why);

/* Asks for one `down` message; used by FOAL_DOWN. */
FOAL_API void foal__watch(foal_tag who, foal_tag watcher, const foal_behaviour *down);

/** Gives T the behaviour `down` and the function T_watch(T *self, foal_tag who): when
 *  `who` ends, or has ended already, T_on_down(self, who, why) runs once for each
 *  T_watch, with the reason of the end (FOAL_GONE: it was gone before the watch arrived).
 *  A watch cannot be taken back; it ends with either actor.
 *  T   actor type or protocol */
#define FOAL_DOWN(T)                                                                     \
  FOAL_BEHAVIOUR2(T, down, foal_tag, who, foal_err, why)                                 \
  FOAL_UNUSED static inline void T##_watch(T *self_, foal_tag who_) FOAL_TURN;           \
  FOAL_UNUSED static inline void T##_watch(T *self_, foal_tag who_)                      \
  {                                                                                      \
    foal__watch(who_, T##_self(self_).any, &T##__be_down);                               \
  }

#endif
