/* sched.c - workers: run what is runnable, poll by time, park without polling, end
 * exactly.
 *
 * Parking. A worker that finds nothing announces itself (`parked` = 1), looks once
 * more at what others may have pushed, and blocks in its loop. A sender publishes
 * first and looks at `parked` afterwards; both steps are seq_cst on both sides, so one
 * of the two sees the other. The exchange on `parked` lets exactly one waker through
 * per sleep.
 *
 * Quiescence. `alive` counts the workers that are not parked and the holds, in one
 * word. Only active workers and threads with a hold send, so when it reaches zero no
 * message exists anywhere: it is over. In two words each would have been zero at some
 * moment, but perhaps never both. The order is delicate too: count first, then claim,
 * in all three places (waker, woken sleeper, sleeper that changes its mind). The other
 * order ends programs with a message on its way. A waker that is no worker and comes
 * too late takes back a count that may have been the last one: then it must look
 * again, for nobody else will. tests/model/park.pml finds each of these mistakes, and
 * a leaked count. */
#include "sched.h"

#include "actor.h"
#include "impl/assert.h"
#include "impl/guest.h"
#include "impl/lifetime.h"
#include "impl/mailbox.h"
#include "impl/pool.h"
#include "impl/timer_node.h"
#include "log.h"

enum {
  FRESH_FAIR = 15, /* one run in 16 takes the oldest, so that new actors starve nobody */
  FRESH_FAIR_FULL = 4095, /* one in 4096 until a large backlog is worked off */
  FRESH_OLDEST = 16, /* of those, one in 16 is for the oldest new one: LIFO starves it */
  BACKLOG_LOW = 256,
  LATE_EVERY = 64, /* looks at what came from elsewhere between two of `late` */
  SPIN_LOOKS = 32,
  GAP_MIN = 4,
  TURNS_UNPOLLED = 63,
  TURNS_ALONE = 7, /* without other workers only foreign threads send from elsewhere */
};

foal__runtime foal__rt;
_Thread_local foal__worker *foal__self __attribute__((tls_model("initial-exec")));

/* ---- waking and quiescence ---- */

static void wake_claimed(foal__worker *sleeper)
{
  foal__worker *w = foal__self;
  uint64_t began = w != NULL && w->measured != NULL ? foal__clock_cycles() : 0;
  foal__poller_wake(sleeper->poller);
  if (w == NULL) return;
  foal__bump(w, FOAL__C_wakes, 1);
  /* A wake costs as much as a thousand messages and is not the behaviour's own cost. */
  if (w->measured != NULL) w->excused += foal__clock_cycles() - began;
}

void foal__wake(foal__worker *sleeper)
{
  /* Seq_cst: after the push that is the reason; pairs with the store in park(). */
  while (foal__load(&sleeper->parked, seq_cst) != 0) {
    foal__add(&foal__rt.alive, FOAL__ONE_ACTIVE, seq_cst);
    if (foal__xchg(&sleeper->parked, 0, seq_cst) != 0) {
      wake_claimed(sleeper);
      return;
    }
    /* Somebody else woke it. If this count was the last one, all have parked
     * meanwhile, and the last of them saw it and did not end the program. */
    if (foal__sub(&foal__rt.alive, FOAL__ONE_ACTIVE, seq_cst) != FOAL__ONE_ACTIVE) return;
  }
}

static void stop_all(void)
{
  /* Seq_cst: published before each worker's `parked` is read, as any other push. */
  foal__store(&foal__rt.stopping, 1, seq_cst);
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__worker *w = &foal__rt.worker[i];
    if (w == foal__self) continue;
    foal__xchg(&w->parked, 0, seq_cst);
    foal__poller_wake(w->poller);
  }
}

static bool inbound(foal__worker *w)
{
  /* Seq_cst: after `parked` was announced; pairs with the pushes in mailbox.c. */
  return foal__load(&w->notified, seq_cst) != NULL ||
         foal__load(&w->arrived, seq_cst) != NULL ||
         foal__load(&foal__rt.stopping, seq_cst) != 0 ||
         (foal__load(&foal__rt.draining, seq_cst) != 0 && !w->drain_seen);
}

static void poll_now(foal__worker *w, uint64_t timeout_ns)
{
  foal__poller_poll(w->poller, timeout_ns);
  w->last_poll = foal__clock_cycles();
  w->now_ns = foal__clock_ns();
  w->now_cycles = w->looked = w->last_poll;
  foal__bump(w, FOAL__C_polls, 1);
  if (w->wheel.count > 0) {
    foal__wheel_turn(w, w->now_ns / 1000000);
  } else {
    w->wheel.now_ms = w->now_ns / 1000000;
  }
  w->busy = w->wheel.count > 0 || foal__poller_busy(w->poller);
  w->look_mask = w->busy ? 0 : foal__rt.workers > 1 ? TURNS_UNPOLLED : TURNS_ALONE;
}

static void release_due(foal__worker *w)
{
  for (; w->releases > 0; w->releases--) foal_release();
}

static uint64_t sleep_ns(foal__worker *w)
{
  uint64_t ms = foal__wheel_wait_ms(w);
  uint64_t ns = ms > FOAL_TIMER_MS_MAX ? FOAL__POLL_FOREVER : ms * 1000000;
  if (w->id == 0 && foal__rt.drain_by_ns != 0) {
    uint64_t left =
        foal__rt.drain_by_ns > w->now_ns ? foal__rt.drain_by_ns - w->now_ns : 0;
    if (left < ns) ns = left;
  }
  return ns;
}

static void uncount_claimed(foal__worker *w)
{
  /* A waker that claimed this sleep has counted for us already. */
  if (foal__xchg(&w->parked, 0, seq_cst) == 0) {
    foal__sub(&foal__rt.alive, FOAL__ONE_ACTIVE, seq_cst);
  }
}

/* Sleeps until there is something to do; false: the program is over. */
static bool park(foal__worker *w)
{
  w->now_ns = foal__clock_ns();
  uint64_t timeout_ns = sleep_ns(w);
  if (timeout_ns == 0) {
    poll_now(w, 0);
    release_due(w);
    return true;
  }
  foal__store(&w->parked, 1, seq_cst);
  if (inbound(w)) {
    uncount_claimed(w);
    return true;
  }
  if (foal__sub(&foal__rt.alive, FOAL__ONE_ACTIVE, seq_cst) == FOAL__ONE_ACTIVE) {
    stop_all();
    return false;
  }
  foal__bump(w, FOAL__C_parks, 1);
  poll_now(w, timeout_ns);
  /* First here too: the wake may be a late one, of an earlier sleep. */
  foal__add(&foal__rt.alive, FOAL__ONE_ACTIVE, seq_cst);
  uncount_claimed(w);
  release_due(w);
  return true;
}

static bool any_runnable(const foal__worker *w)
{
  return foal__ring_count(&w->ready) + foal__ring_count(&w->fresh) +
             foal__ring_count(&w->late) >
         0;
}

/* Looks for inbound work for a moment before sleeping, no longer than it may sleep; an
 * option, off by default. */
static bool spin(foal__worker *w)
{
  w->now_ns = foal__clock_ns();
  uint64_t most_ns = sleep_ns(w);
  if (most_ns > foal__rt.spin_ns) most_ns = foal__rt.spin_ns;
  uint64_t until = w->now_ns + most_ns;
  while (foal__clock_ns() < until) {
    for (int i = 0; i < SPIN_LOOKS; i++) {
      if (inbound(w)) return true;
      foal__thread_relax();
    }
    if (foal__poller_busy(w->poller)) {
      poll_now(w, 0);
      release_due(w);
    }
    if (any_runnable(w)) return true;
  }
  return false;
}

/* ---- one worker ---- */

/* Takes in what others pushed; false: nothing. */
static inline bool collect(foal__worker *w)
{
  /* Relaxed: the exchange there is what orders; park() looks again before it sleeps. */
  if (__builtin_expect(foal__load(&w->notified, relaxed) == NULL &&
                           foal__load(&w->arrived, relaxed) == NULL,
                       1)) {
    return false;
  }
  foal__drain_inbound(w);
  return true;
}

static foal_actor *next_actor(foal__worker *w)
{
  if (foal__ring_count(&w->fresh) == 0) return foal__ring_oldest(&w->ready);
  int64_t backlog = foal__backlog(w);
  if (backlog >= FOAL__BACKLOG) w->full = true;
  if (backlog < BACKLOG_LOW) w->full = false;
  uint32_t turn = ++w->tick, mask = w->full ? FRESH_FAIR_FULL : FRESH_FAIR;
  if ((turn & (mask * FRESH_OLDEST | mask)) == 1) return foal__ring_oldest(&w->fresh);
  if ((turn & mask) != 0 || foal__ring_count(&w->ready) == 0)
    return foal__ring_newest(&w->fresh);
  return foal__ring_oldest(&w->ready);
}

/* All others have had their turns, what the last long one caused included. */
static foal_actor *next_late(foal__worker *w)
{
  w->passed = 0;
  return foal__ring_oldest(&w->late);
}

/* Where they never have, a long turn comes among them now and then. */
static void admit_late(foal__worker *w)
{
  if (++w->passed <= LATE_EVERY) return;
  foal__ring_push(&w->ready, next_late(w));
}

/* One turn, with a look at the other workers. */
static void run_beside(foal__worker *w, foal_actor *x)
{
  collect(w);
  /* Relaxed: a hint; see balance.c. */
  uint32_t hungry = foal__load(&foal__rt.hungry, relaxed) & w->others;
  if ((hungry != 0 || w->was_dear) && w->unsampled-- == 0) {
    foal__turn_measured(w, x);
  } else {
    foal__turn(w, x);
  }
}

static void drain_check(foal__worker *w)
{
  if (!w->drain_seen && foal__load(&foal__rt.draining, acquire) != 0)
    foal__drain_begin(w);
  if (w->id != 0 || foal__rt.drain_by_ns == 0 || w->now_ns < foal__rt.drain_by_ns) return;
  foal_log(FOAL_LOG_WARNING,
           "connections were still open %llu ms after the signal: cut off",
           (unsigned long long)(foal__rt.drain_ns / 1000000));
  foal__rt.drain_by_ns = 0;
  foal_stop(0);
}

/* No actor is runnable; false: the program is over. */
static bool idle(foal__worker *w)
{
  uint32_t me = w->id < 32 ? UINT32_C(1) << w->id : 0;
  w->entered -= foal__backlog(w);
  w->gap = GAP_MIN; /* what comes after a pause may be of another kind: see balance.c */
  w->unsampled = 0;
  release_due(w); /* before the last look at the holds */
  foal__pool_flush(w);
  if (foal__rt.workers > 1) foal__or(&foal__rt.hungry, me, relaxed); /* a hint */
  bool on = (foal__rt.spin_ns > 0 && spin(w)) || park(w);
  if (foal__rt.workers > 1) foal__and(&foal__rt.hungry, ~me, relaxed);
  return on;
}

static bool poll_due(foal__worker *w)
{
  /* Reading the counter costs as much as a message: every time only when there is
   * something to poll for. */
  if (!w->busy && (w->turns & TURNS_UNPOLLED) != 0) return false;
  w->looked = foal__clock_cycles();
  return w->looked - w->last_poll > foal__rt.poll_cycles;
}

/* At what came from elsewhere, and the clock; false: the program is stopping. */
__attribute__((noinline)) static bool look(foal__worker *w)
{
  (void)collect(w);
  if (foal__ring_count(&w->late) > 0) admit_late(w);
  if (!poll_due(w)) return true;
  foal__pool_flush(w);
  poll_now(w, 0);
  release_due(w);
  drain_check(w);
  return foal__load(&foal__rt.stopping, relaxed) == 0;
}

static void worker_loop(foal__worker *w)
{
  for (;;) {
    foal__probe_idle(w);
    if ((++w->turns & w->look_mask) == 0 && !look(w)) return;
    foal_actor *x = next_actor(w);
    if (x == NULL) x = next_late(w);
    if (x != NULL) {
      if (foal__rt.workers > 1) {
        run_beside(w, x);
      } else {
        foal__turn(w, x);
      }
      continue;
    }
    if (collect(w)) continue;
    if (foal__load(&foal__rt.stopping, relaxed) != 0) return;
    drain_check(w);
    if (!any_runnable(w) && !idle(w)) return;
  }
}

static void worker_main(void *arg)
{
  foal__worker *w = arg;
  foal__self = w;
  if (foal__rt.pin) foal__thread_pin(w->id);
  worker_loop(w);
  foal__worker_finish(w);
  foal__self = NULL;
}

/* ---- running ---- */

int foal_run(void)
{
  foal__worker *w = foal__self;
  foal_assert(foal__rt.started && w != NULL && w->id == 0);
  uint32_t running = 1;
  for (uint32_t i = 1; i < foal__rt.workers; i++) {
    foal__worker *other = &foal__rt.worker[i];
    if (!foal__thread_start(&other->thread, worker_main, other)) {
      foal_log(FOAL_LOG_ERROR,
               "cannot start worker %u: the system allows no more threads", i);
      foal_stop(1);
      break;
    }
    running++;
  }
  foal__store(&foal__rt.running, running, seq_cst); /* read in foal__worker_finish */
  if (foal__rt.pin) foal__thread_pin(0);
  worker_loop(w);
  foal__worker_finish(w);
  if (foal__rt.pin) foal__thread_unpin();
  for (uint32_t i = 1; i < running; i++) foal__thread_join(&foal__rt.worker[i].thread);
  int status = foal__load(&foal__rt.status, relaxed);
  foal__runtime_close();
  return status;
}

void foal_stop(int status)
{
  foal__worker *w = foal__self;
  if (w == NULL && !foal__guest_enter()) return;
  foal__store(&foal__rt.status, status, relaxed); /* read after the threads were joined */
  stop_all();
  if (w == NULL) {
    foal__guest_leave();
    return;
  }
  w->busy = true; /* the next look at the clock is after this turn */
  w->look_mask = 0;
  w->last_poll = 0;
}

void foal_drain(void)
{
  if (foal__self == NULL && !foal__guest_enter()) return;
  if (foal__xchg(&foal__rt.draining, 1, seq_cst) == 0) {
    for (uint32_t i = 0; i < foal__rt.workers; i++) foal__wake(&foal__rt.worker[i]);
  }
  if (foal__self == NULL) foal__guest_leave();
}

bool foal_draining(void)
{
  return foal__load(&foal__rt.draining, relaxed) != 0;
}

void foal_hold(void)
{
  foal__add(&foal__rt.alive, FOAL__ONE_HOLD, seq_cst);
}

void foal_release(void)
{
  if (foal__self == NULL && !foal__guest_enter()) return; /* it was stopped meanwhile */
  uint64_t before = foal__sub(&foal__rt.alive, FOAL__ONE_HOLD, seq_cst);
  foal_assert(before >= FOAL__ONE_HOLD);
  if (foal__self != NULL) return; /* a worker notices when it parks */
  /* All sleep and would for ever: one of them has to see it. */
  if (before == FOAL__ONE_HOLD) foal__wake(&foal__rt.worker[0]);
  foal__guest_leave();
}

uint32_t foal_workers(void)
{
  return foal__rt.workers;
}

uint32_t foal_worker(void)
{
  return foal__self != NULL ? foal__self->id : UINT32_MAX;
}
