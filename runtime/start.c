/* start.c - the beginning and the end of the runtime.
 *
 * foal_start makes all workers on the calling thread; foal_run starts the other
 * threads. At the end the workers wait for each other; then every worker ends the
 * actors it owns, wherever they were made, on its own thread (their handles can only
 * be closed there) and runs its loop until the handles are gone. Memory is freed when
 * all threads are joined, since messages may lie in each other's pools, and when the
 * last guest has left. */
#include "impl/alloc.h"
#include "impl/assert.h"
#include "impl/entropy.h"
#include "impl/guest.h"
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
  RECENT_US = 250, /* what foal__recent_ms may be behind */
  GIVE_US = 50,
  MAILBOX_MESSAGES = 1000,
  CROWD = 8,
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
         o->batch_us <= LIMIT_MAX && o->mailbox_messages <= 0xffff &&
         o->spin_us <= LIMIT_MAX;
}

static void take_options(const foal_options *o)
{
  uint32_t cores = foal__thread_cores();
  uint64_t per_us = foal__clock_cycles_per_us();
  foal__runtime *rt = &foal__rt;
  rt->workers =
      or_default(o->workers, cores < FOAL_WORKERS_MAX ? cores : FOAL_WORKERS_MAX);
  rt->batch = or_default(o->batch_messages, BATCH_MESSAGES);
  rt->mailbox_high = or_default(o->mailbox_messages, MAILBOX_MESSAGES);
  rt->mailbox_low = rt->mailbox_high > 1 ? rt->mailbox_high / 2 : 1;
  rt->crowd = rt->mailbox_high < CROWD ? rt->mailbox_high : CROWD;
  rt->batch_cycles = or_default(o->batch_us, BATCH_US) * per_us;
  rt->poll_cycles = POLL_US * per_us;
  rt->recent_cycles = RECENT_US * per_us;
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
  w->gap = 1;
  w->others = id < 32 ? ~(UINT32_C(1) << id) : UINT32_MAX;
  foal_msg ours = {.home_ = (uint16_t)id, .class_ = FOAL__MSG_CLASS};
  w->mark = foal__mark(&ours);
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
    foal__free(w->late.items);
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
  foal__store(&foal__rt.alive, foal__rt.workers * FOAL__ONE_ACTIVE,
              relaxed); /* we are alone */
  foal__rt.started = true;
  foal__self = &foal__rt.worker[0];
  foal__guests_admit();
  return FOAL_OK;
}

/* ---- the end ---- */

static void drop_mail(foal__worker *w, foal_actor *x)
{
  if (foal__inbox_has_mail(foal__load(&x->inbox, acquire))) foal__inbox_take(w, x);
  foal_msg *m;
  while ((m = x->head) != NULL) {
    x->head = m->next_;
    x->queued--;
    if (m->generation_ != 0) foal__bump(w, FOAL__C_messages_dropped, 1);
    foal__msg_drop(w, m);
  }
  x->end = &x->head;
}

static void end_mine(foal__worker *home, foal_actor *x)
{
  foal__worker *w = foal__self;
  (void)home;
  /* Acquire: pairs with the release in foal__hand_over. */
  if (foal__load(&x->owner, acquire) != w->id || x->type == NULL) return;
  w->current = x;
  foal__end(w, x, FOAL_STOPPED);
  w->current = NULL;
}

static void end_all_mine(void)
{
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], end_mine);
  }
}

/* Returns when every worker has left its loop: from then on no slot changes hands and
 * none is made, so that all may be looked at. */
static void wait_for_all(foal__worker *w)
{
  w->leaving = true;
  foal__add(&foal__rt.left, 1, seq_cst);
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    if (i != w->id) foal__poller_wake(foal__rt.worker[i].poller);
  }
  for (;;) {
    /* Seq_cst: the last one to leave finds both numbers there, and it has woken us. */
    uint32_t running = foal__load(&foal__rt.running, seq_cst);
    if (running != 0 && foal__load(&foal__rt.left, seq_cst) == running) return;
    foal__poller_poll(w->poller, FOAL__POLL_FOREVER);
  }
}

void foal__worker_finish(foal__worker *w)
{
  wait_for_all(w);
  end_all_mine();
  if (w->id == 0) foal__poller_unwatch_signals(w->poller);
  while (foal__poller_busy(w->poller)) foal__poller_poll(w->poller, FOAL__POLL_FOREVER);
  foal__read_buf_release(w);
  foal__pool_flush(w);
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
  foal__guests_expel();
  /* One thread is left: it may speak for every worker, also for those whose thread
   * never was and whose actors are still there. */
  for (uint32_t i = 0; i < foal__rt.workers; i++) foal__rt.worker[i].leaving = true;
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__self = &foal__rt.worker[i];
    end_all_mine();
  }
  for (uint32_t i = 0; i < foal__rt.workers; i++) {
    foal__slots_each(&foal__rt.worker[i], drop_any);
  }
  foal__self = NULL;
  foal__counters_keep();
  foal__rt.started = false;
  workers_close();
}
