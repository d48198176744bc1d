/* core.h - the two structures everything in runtime/ works on: the slot and the
 * worker.
 *
 * A slot is a mailbox that never dies. Incarnations of actors come and go in it; each
 * has a generation, and a message carries the generation it was sent to. The slot's
 * memory is never given back while the runtime exists, so a stale tag always points at
 * a slot, never at freed memory, and the mailbox protocol below never has to be torn
 * down.
 *
 * Who may touch what: `inbox`, `owner` and `waiters` are for every thread; all other
 * fields of a slot belong to the worker that `owner` names. Handing a slot over =
 * storing the new owner (release) and touching nothing afterwards. In a worker only
 * the fields under "shared" are for other threads.
 *
 * The inbox word: IDLE (nobody will look until notified), or depth << 48 | pointer to
 * a LIFO chain, which may be NULL (somebody will look; empty). See mailbox.h. */
#ifndef FOAL_IMPL_CORE_H
#define FOAL_IMPL_CORE_H

#include "../message.h"
#include "../timer.h"
#include "atomic.h"
#include "clock.h"
#include "probe.h"
#include "thread.h"
#include "worker.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

/* For functions of one file that are worth inlining into others, which a compiler can do
 * with link-time optimization. gcc does it only when told; clang decides for itself, and
 * takes the word for a mistake. */
#ifdef __clang__
#  define FOAL__INLINED
#else
#  define FOAL__INLINED inline __attribute__((always_inline))
#endif

typedef struct foal__worker foal__worker;

/* One that watches an actor: lives in a message node. */
typedef struct foal__watcher {
  struct foal__watcher *next;
  foal_tag who;
  const foal_behaviour *down;
} foal__watcher;

typedef struct foal__timer foal__timer;

enum {
  FOAL__PINNED = 1,     /* never leaves its worker */
  FOAL__MUTED = 2,      /* waits on somebody's `waiters`; counts as scheduled */
  FOAL__ENDING = 4,     /* ends after the current behaviour */
  FOAL__IN_POOL = 8,    /* free, on the free list of its home */
  FOAL__RAN = 16,       /* had its first run */
  FOAL__RETIRED = 32,   /* used up its generations: never reused */
  FOAL__OWN_STATE = 64, /* the state has memory of its own */
  FOAL__LATE = 128      /* waits on `late` */
};

struct foal_actor {
  /* ---- rarely touched ---- */
  const foal_type *type; /* NULL: nobody lives here */
  foal_actor
      *notify_next; /* on a worker's `notified`: may be there and travelling at once */
  foal_actor *travel_next; /* on `arrived`, on somebody's `waiters`, or on a free list */
  _Atomic(foal_actor *) waiters;
  foal__watcher *watchers;
  foal__timer *timers;
  uint32_t id;      /* creation number on its home worker, for messages to humans */
  uint16_t pull_to; /* the one worker that filled the last inboxes */
  uint16_t home;    /* the worker whose pool the slot belongs to */
  uint16_t carried; /* of `queued`, what its giver took out of its backlog */
  uint8_t dear;     /* samples in which it cost much, less those in which it did not */
  uint8_t pull_at;  /* how many it takes to move there */
  uint8_t units;    /* size in 16 bytes */
  uint8_t why;      /* foal_err of the end */
  uint8_t drain; /* 1 + index of the behaviour sent when a graceful end begins; 0: none */
  /* ---- what every message touches, right in front of the state ---- */
  foal_msg *head, **end; /* local FIFO; `end` is the link that the next one is put in */
  _Atomic(uintptr_t) inbox;
  _Atomic(uint32_t) owner;
  uint32_t generation;
  uint32_t queued;   /* messages in the local FIFO */
  uint8_t scheduled; /* on a run queue, muted, travelling, or running */
  uint8_t notified;  /* the inbox word is not IDLE and the notification was consumed */
  uint8_t flags;
  uint8_t pulls; /* how many inboxes in a row `pull_to` has filled */
  void *state;
};
_Static_assert(FOAL_ERR_COUNT <= 256, "why fits");
_Static_assert(sizeof(foal_actor) == 112,
               "a slot with one word of state fills two lines");
_Static_assert(offsetof(foal_actor, head) == 64, "what is hot begins a line");

/* A growable ring of slots, private to one worker. A slot is in one ring at most, and
 * `ready` has room for all slots of its worker: running out of memory shows when a slot
 * is made or arrives, never when it must run. */
typedef struct foal__ring {
  foal_actor **items;
  uint32_t capacity, mask, head, tail; /* capacity: a power of two; mask: less one */
} foal__ring;

enum {
  FOAL__BUF_CLASSES = 5,
  FOAL__SLOT_UNITS_MAX = 136, /* slots to 2176 bytes; larger states get memory apart */
  FOAL__WHEEL_LEVELS = 5,
  FOAL__WHEEL_SLOTS = 64,
  FOAL__NO_WORKER = 0xffff,
  FOAL__DRAINS_MAX = 15,
};

typedef struct foal__wheel {
  uint64_t now_ms;
  uint64_t occupied[FOAL__WHEEL_LEVELS];
  foal__alarm *slots[FOAL__WHEEL_LEVELS][FOAL__WHEEL_SLOTS];
  size_t count;
} foal__wheel;

/* Nodes on their way back to the worker they belong to. */
typedef struct foal__outbox {
  foal_msg *head, *tail;
  uint32_t count;
} foal__outbox;

typedef struct foal__pool {
  foal_msg *messages;
  foal_msg *bufs[FOAL__BUF_CLASSES];
  uint32_t bufs_count[FOAL__BUF_CLASSES];
  foal_actor *slots[FOAL__SLOT_UNITS_MAX + 1];
  foal__timer *timers;
  struct foal__slab *slabs;      /* all but slots; freed at the very end */
  struct foal__slab *slot_slabs; /* slots; at the end all workers walk them */
  char *chunk;
  size_t chunk_left;
  foal_msg *reserve; /* message nodes for when memory is exhausted */
  foal__outbox out[FOAL_WORKERS_MAX];
  uint64_t out_any; /* bit per worker with a non-empty outbox */
} foal__pool;

/* The halves of `alive`. */
#define FOAL__ONE_ACTIVE UINT64_C(1)
#define FOAL__ONE_HOLD   (UINT64_C(1) << 32)

enum { FOAL__YIELD_MUTE = 2, FOAL__YIELD_END = 4 };
/* Not a reason to stop: something is left to be done when the turn ends. */
enum { FOAL__TURN_FLUSH = 8, FOAL__YIELDS = 6 };

struct foal__worker {
  uint32_t id;
  uint32_t mark;  /* of a node of ours */
  uint32_t yield; /* why the running actor must stop after this behaviour */
  foal_actor *current;
  const foal_behaviour *behaviour;
  foal_actor *mute_on;
  foal_actor *measured; /* its turn is timed; NULL again when it moved or was muted */
  void (*flush)(void *self);
  foal__ring ready; /* FIFO: every normal wake-up */
  foal__ring fresh; /* LIFO: first run of a new actor: depth first, bounded memory */
  foal__ring late;  /* FIFO: long turns that let all others go first */
  uint32_t passed;  /* looks since the last one of `late` */
  uint32_t owned;   /* slots made here, wherever they are, and others that are here */
  uint32_t tick;
  uint32_t unsampled; /* turns until one is timed, while somebody is hungry */
  uint32_t gap;       /* the next distance between two of them, about */
  uint32_t others;    /* of `hungry`: all bits but our own */
  int64_t entered;    /* messages put into local FIFOs here; see foal__backlog */
  uint64_t last_poll, next_give; /* cycles */
  uint64_t looked;               /* cycles, before this turn while `busy` */
  uint64_t now_ns;
  uint64_t now_cycles; /* when now_ns was read, or before */
  uint32_t next_actor_id;
  uint64_t next_timer_id;
  uint32_t turns;
  uint32_t look_mask; /* of `turns`: between two looks at what came from elsewhere */
  uint64_t excused;   /* cycles of the measured turn that do not count */
  int64_t taken;      /* messages taken out of inboxes, ever */
  bool was_dear;      /* the last measured turn */
  bool full;          /* a large backlog is being worked off */
  bool busy;          /* polling may bring something */
  uint32_t releases;  /* holds to give up when the poll is over */
  bool drain_seen;
  bool leaving; /* the loop is over: nobody is made here any more */
  foal_buf *read_buf;
  foal__poller *poller;
  foal__thread *thread;
  foal__pool pool;
  foal__wheel wheel;
  uint64_t rng;
  _Atomic(int64_t) counters[FOAL__COUNTERS]; /* written by this worker, read by all */

  /* shared; each group on lines of its own, two apart: lines are prefetched in pairs */
  alignas(128) _Atomic(foal_actor *) notified; /* slots whose inbox left IDLE */
  _Atomic(foal_actor *) arrived;               /* slots given to this worker */
  _Atomic(uint32_t) parked;
  alignas(128) _Atomic(foal_msg *) returned; /* nodes coming home */
  alignas(128) char end_[1];
};

typedef struct foal__runtime {
  uint32_t workers;
  uint32_t batch, mailbox_high, mailbox_low;
  uint32_t crowd; /* at so many in a mailbox a send looks whether it is full */
  uint64_t batch_cycles, recent_cycles, poll_cycles, give_cycles, cheap_cycles, spin_ns,
      drain_ns;
  uint64_t drain_by_ns; /* worker 0 only; 0: not draining */
  bool pin, keep_signals, started, stats;
  foal__worker *worker;                 /* array */
  alignas(128) _Atomic(uint64_t) alive; /* holds << 32 | workers that are not parked */
  _Atomic(uint32_t) running;            /* threads there are; set when all were started */
  _Atomic(uint32_t) left;               /* of them, how many have left their loop */
  alignas(128) _Atomic(uint32_t) hungry; /* bit per worker without work (first 32) */
  alignas(128) _Atomic(int) stopping;
  _Atomic(int) draining;
  _Atomic(int) status;
  _Atomic(const foal_behaviour *) drains[FOAL__DRAINS_MAX]; /* see drain.c */
} foal__runtime;

extern foal__runtime foal__rt;
extern _Thread_local foal__worker *foal__self __attribute__((tls_model("initial-exec")));

/* Home and class in one word. */
static inline uint32_t foal__mark(const foal_msg *m)
{
  uint32_t mark;
  memcpy(&mark, (const char *)m + offsetof(foal_msg, home_), sizeof mark);
  return mark;
}

static inline void foal__bump(foal__worker *w, foal__counter which, int64_t by)
{
  /* Only this worker writes; relaxed so that foal_counters_read may look at any time. */
  _Atomic(int64_t) *c = &w->counters[which];
  foal__store(c, foal__load(c, relaxed) + by, relaxed);
}

/* Messages in all local FIFOs of this worker, as of the last end of a turn. Counted
 * where they come in and with each turn, not one by one where they go. */
static inline int64_t foal__backlog(const foal__worker *w)
{
  return w->entered - foal__load(&w->counters[FOAL__C_messages], relaxed);
}

#endif
