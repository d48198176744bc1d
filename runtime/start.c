/* start.c - the beginning and the end of the runtime.
 *
 * foal_start makes all workers on the calling thread; foal_run starts the other threads. At the
 * end every worker ends the actors it owns on its own thread (their handles can only be closed
 * there) and runs its loop until the handles are gone; memory is freed when all threads are
 * joined, since messages may lie in each other's pools.                                     */
#include "impl/alloc.h"
#include "impl/assert.h"
#include "impl/entropy.h"
#include "impl/lifetime.h"
#include "impl/mailbox.h"
#include "impl/pool.h"
#include "log.h"
#include "sched.h"

#include <string.h>

enum {
  BATCH_MESSAGES = 100,
  BATCH_US = 50,
  POLL_US = 50,
  GIVE_US = 50,
  MAILBOX_MESSAGES = 1000,
  DRAIN_MS = 10000,
  LIMIT_MAX = 1000000,
};

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
  return value != 0 ? value : fallback;
}

static bool options_valid(const foal_options *o)
{
  return o->workers <= FOAL_WORKERS_MAX && o->batch_messages <= LIMIT_MAX &&
         o->batch_us <= LIMIT_MAX && o->mailbox_messages <= 0xffff && o->spin_us <= LIMIT_MAX;
}

static void take_options(const foal_options *o)
{
  uint32_t cores = foal__thread_cores();
  uint64_t per_us = foal__clock_cycles_per_us();
  foal__runtime *rt = &foal__rt;
  rt->workers = or_default(o->workers, cores < FOAL_WORKERS_MAX ? cores : FOAL_WORKERS_MAX);
  rt->batch = or_default(o->batch_messages, BATCH_MESSAGES);
  rt->mailbox_high = or_default(o->mailbox_messages, MAILBOX_MESSAGES);
  rt->mailbox_low = rt->mailbox_high / 2;
  rt->batch_cycles = or_default(o->batch_us, BATCH_US) * per_us;
  rt->poll_cycles = POLL_US * per_us;
  rt->give_cycles = GIVE_US * per_us;
  rt->cheap_cycles = per_us;
  rt->spin_ns = (uint64_t)o->spin_us * 1000;
  rt->drain_ns = (uint64_t)or_default(o->drain_ms, DRAIN_MS) * 1000000;
  rt->keep_signals = o->keep_signals;
  rt->pin = o->pin_workers;
}

static void caught(int signal_number)
{
  if (foal_draining()) { /* the second one means it */
    foal_log(FOAL_LOG_WARNING, "signal %d again: stopping at once", signal_number);
    foal_stop(0);
    return;
  }
  foal_log(FOAL_LOG_INFO, "signal %d: finishing what is open", signal_number);
  foal_drain();
}

static foal_err worker_open(foal__worker *w, uint32_t id)
{
  memset(w, 0, sizeof *w);
  w->id = id;
  w->now_ns = foal__clock_ns();
  w->wheel.now_ms = w->now_ns / 1000000;
  foal__entropy(&w->rng, sizeof w->rng);
  if (!foal__pool_open(w)) return FOAL_NO_MEMORY;
  return foal__poller_open(&w->poller, id);
}

static void workers_close(void)
{
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__worker *w = &foal__rt.worker[i];
    if (w->poller != NULL) foal__poller_close(&w->poller);
    foal__pool_flush(w);
  }
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__worker *w = &foal__rt.worker[i];
    foal__pool_close(w);
    foal__free(w->ready.items);
    foal__free(w->fresh.items);
  }
  foal__free(foal__rt.worker);
  foal__rt.worker = NULL;
}

foal_err foal_start(const foal_options *options)
{
  static const foal_options defaults;
  if (options == NULL) options = &defaults;
  if (foal__rt.started) return FOAL_BAD_STATE;
  if (!options_valid(options)) return FOAL_BAD_ARGUMENT;
  memset(&foal__rt, 0, sizeof foal__rt);
  take_options(options);

  size_t bytes = sizeof(foal__worker) * foal__rt.workers;
  foal__rt.worker = foal__alloc_aligned(alignof(foal__worker), bytes);
  if (foal__rt.worker == NULL) return FOAL_NO_MEMORY;
  memset(foal__rt.worker, 0, bytes);
  foal_err err = FOAL_OK;
  for (uint32_t i = 0; i < foal__rt.workers && err == FOAL_OK; i++) {
    err = worker_open(&foal__rt.worker[i], i);
  }
  if (err == FOAL_OK && !foal__rt.keep_signals) {
    err = foal__poller_watch_signals(foal__rt.worker[0].poller, caught);
  }
  if (err != FOAL_OK) {
    workers_close();
    return err;
  }
  foal__store(&foal__rt.active, (int32_t)foal__rt.workers, relaxed); /* no other thread yet */
  foal__rt.started = true;
  foal__self = &foal__rt.worker[0];
  return FOAL_OK;
}

/* ---- the end ---- */

static void drop_mail(foal__worker *w, foal_actor *x)
{
  if (foal__load(&x->inbox, acquire) > FOAL__IDLE) foal__inbox_take(w, x);
  foal_msg *m;
  while ((m = x->head) != NULL) {
    x->head = m->next_;
    x->queued--;
    if (m->generation_ != 0) foal__bump(w, FOAL__C_messages_dropped, 1);
    foal__msg_drop(w, m);
  }
  x->tail = NULL;
}

static void end_if_mine(foal__worker *w, foal_actor *x)
{
  if (x->type == NULL) return;
  /* Actors that were given away are ended by main when all threads are joined: here their
   * fields may belong to another thread. */
  w->current = x;
  foal__end(w, x, FOAL_STOPPED);
  w->current = NULL;
}

/* While other threads still run, only slots that cannot have left may be looked at. */
static void end_pinned(foal__worker *w, foal_actor *x)
{
  if (foal__load(&x->owner, acquire) != w->id) return;
  if ((x->flags & FOAL__PINNED) != 0) end_if_mine(w, x);
}

void foal__worker_finish(foal__worker *w)
{
  foal__slots_each(w, end_pinned);
  if (w->id == 0) foal__poller_unwatch_signals(w->poller);
  while (foal__poller_busy(w->poller)) foal__poller_poll(w->poller, FOAL__POLL_FOREVER);
  foal__read_buf_release(w);
  foal__pool_flush(w);
}

static void end_any(foal__worker *w, foal_actor *x)
{
  (void)w;
  foal__worker *owner = &foal__rt.worker[foal__load(&x->owner, acquire)];
  foal__self = owner;
  end_if_mine(owner, x);
}

static void drop_any(foal__worker *w, foal_actor *x)
{
  (void)w;
  foal__worker *owner = &foal__rt.worker[foal__load(&x->owner, acquire)];
  foal__self = owner;
  drop_mail(owner, x);
}

void foal__runtime_close(void)
{
  /* One thread is left: it may speak for every worker. */
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], end_any);
  }
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], drop_any);
  }
  foal__self = NULL;
  foal__counters_keep();
  workers_close();
  foal__rt.started = false;
}
