/* worker.h - what net/ may ask of the runtime beside the public headers.
 *
 * The one private header of runtime/ that net/ includes. Everything here concerns the
 * worker whose thread is running. */
#ifndef FOAL_IMPL_WORKER_H
#define FOAL_IMPL_WORKER_H

#include "../message.h"
#include "../sched.h"
#include "poller.h"

/* The loop of this worker; NULL on other threads. */
foal__poller *foal__worker_poller(void);

/* Milliseconds of the monotonic clock, as of the last poll or turn. */
uint64_t foal__now_ms(void);

/* The same, at most a quarter of one behind, also after a long behaviour and under the
 * poll. */
uint64_t foal__recent_ms(void);

/* How many handles there are on something that all workers read and nobody changes. */
typedef struct foal__refs {
  _Atomic(uint32_t) count;
} foal__refs;

/* The first handle, before anybody else knows of it. */
void foal__refs_begin(foal__refs *refs);
/* One more; the caller holds one. */
void foal__refs_share(foal__refs *refs);
/* Whether the caller holds the only one. */
bool foal__refs_alone(foal__refs *refs);
/* One less; true: it was the last, and all other holders' reads are over. */
bool foal__refs_drop(foal__refs *refs) FOAL_MUST;

/* Adds to a counter of this worker: foal__count(FOAL__C_closed, 1). */
#define FOAL__COUNTER_ENUM_(name, sentence) FOAL__C_##name,
typedef enum foal__counter {
  FOAL_COUNTERS_MAP(FOAL__COUNTER_ENUM_) FOAL__COUNTERS
} foal__counter;
#undef FOAL__COUNTER_ENUM_
void foal__count(foal__counter which, int64_t by);

/* An intrusive timer in an actor's state: no allocation. Zero is idle. It does not
 * keep the program alive. Only on the worker that armed it, so only in pinned actors. */
typedef struct foal__alarm {
  struct foal__alarm *next, **link;
  uint64_t due_ms;
  foal_tag to;
  const foal_behaviour *fired;
} foal__alarm;

/* (Re)arms: `fired` (without arguments) is sent to `to` in delay_ms. */
void foal__alarm_set(foal__alarm *alarm, foal_tag to, const foal_behaviour *fired,
                     uint64_t delay_ms);
/* Stops it; a message that is on its way still arrives. Idle ones are ignored. */
void foal__alarm_stop(foal__alarm *alarm);

/* An actor whose state has a head of the library's in front of the user's: `self` of
 * all its behaviours is the user's part (type->size bytes); the head is the head_bytes
 * (a multiple of 16, zeroed) directly before it. flags: FOAL_SPAWN_PINNED_,
 * FOAL_SPAWN_ON_. */
bool foal__spawn_headed(foal_tag *out, const foal_type *type, size_t head_bytes,
                        uint32_t worker, unsigned flags) FOAL_MUST;

/* The state of an actor that this worker has just made and nobody knows of yet. */
void *foal__fresh_state(foal_tag who);

/* The state of an actor that lives on this worker and rests: nothing was sent to it that
 * it has not handled, and no turn of it runs. So what is done to it now happens in the
 * order in which messages would have told it. NULL: it does not rest, is gone or lives
 * elsewhere. */
void *foal__resting_state(foal_tag who);

/* Whether the turns of an actor are so long that all others go first, one of them between
 * two rounds of those. For the actor whose turn it is, or one that was just made and
 * nobody knows of yet. */
void foal__set_late(foal_tag who, bool late);

/* Whether this worker has left its loop: actors are only ended any more. */
bool foal__leaving(void);

/* As foal__post_args, for messages that must never mute their sender. */
void foal__post_control(foal_tag to, void *args);

/* As foal_release, under a loop callback: takes effect when the poll is over and the
 * worker is counted as running again. */
void foal__release_later(void);

/* Registers an actor to get `drain` (no arguments) when a graceful end begins; at once
 * when it has begun. Forgotten when the actor ends. */
void foal__on_drain(foal_tag who, const foal_behaviour *drain);

/* A place for foal_turn work at the end of this actor's current batch: `flush` runs
 * once, with the state, after the last behaviour of the batch (and before the actor
 * may move). */
void foal__at_turn_end(void (*flush)(void *self));

/* Why the actor whose end function runs is ended; FOAL_OK: the program has stopped. */
foal_err foal__ending_why(void);

/* The state of the actor whose turn it is. */
void *foal__self_state(void);

/* A 64 KiB buffer for reading, kept by the worker between reads: take it, read into
 * it, and either move it on or give it back. false: out of memory. */
bool foal__read_buf_take(foal_buf **out) FOAL_MAKES(*out);
void foal__read_buf_give(foal_buf **b) FOAL_TAKES(*b);

#endif
