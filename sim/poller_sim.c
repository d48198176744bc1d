/* poller_sim.c - the event loop of a worker: a ring of things to be called.
 *
 * What happened in the world puts items in, on whatever fiber; the worker's poll runs
 * them. As in libuv, a wake is a flag, and only what is registered is worth a poll
 * between turns. A poll that blocks comes back for an item, a wake or its time, and for
 * nothing else: one that came back too often would hide lost wake-ups. */
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "impl/pending.h"
#include "impl/run.h"
#include "impl/wire.h"

#include <stddef.h>
#include <string.h>

enum {
  SIGNALS_MAX = 8,
  ANY_OF = 8, /* an item is drawn from the first so many */
  POOL_THREADS = 4,
  JOB_NS_MAX = 20000000,
  SKEW_MS_MAX = 300,
};

#define MS UINT64_C(1000000)

struct foal__poller {
  foal__sim_pending ring;   /* what to call at the next poll */
  foal__sim_fiber *fiber;   /* the one that polled last */
  foal__sim_pending signal; /* of the ring when a signal is there */
  void (*caught)(int signal_number);
  int signals[SIGNALS_MAX];
  uint32_t signals_count, worker;
  int registered;
  bool blocked, woken;
};

static foal__poller *watcher; /* who hears of signals */

/* ---- rings ---- */

static void ring_clear(foal__sim_pending *ring)
{
  ring->next = ring->prev = ring;
}

static void ring_add(foal__sim_pending *ring, foal__sim_pending *item)
{
  item->prev = ring->prev;
  item->next = ring;
  ring->prev->next = item;
  ring->prev = item;
}

static void ring_move(foal__sim_pending *from, foal__sim_pending *to)
{
  ring_clear(to);
  if (from->next == from) return;
  *to = *from;
  to->next->prev = to;
  to->prev->next = to;
  ring_clear(from);
}

static foal__sim_pending *ring_draw(foal__sim_pending *ring)
{
  uint32_t count = 0;
  foal__sim_pending *item = ring->next;
  for (; item != ring && count < ANY_OF; item = item->next) count++;
  if (count == 0) return NULL;
  uint32_t skip = count > 1 ? foal__sim_draw(FOAL__SIM_S_net, count) : 0;
  for (item = ring->next; skip > 0; skip--) item = item->next;
  return item;
}

void foal__sim_pend(foal__poller *poller, foal__sim_pending *item)
{
  foal_assert(poller != NULL && item->run != NULL);
  if (item->next != NULL) return;
  ring_add(&poller->ring, item);
  if (poller->blocked) foal__sim_ready(poller->fiber);
}

void foal__sim_unpend(foal__sim_pending *item)
{
  if (item->next == NULL) return;
  item->next->prev = item->prev;
  item->prev->next = item->next;
  item->next = item->prev = NULL;
}

void foal__sim_poller_count(foal__poller *poller, int by)
{
  poller->registered += by;
  foal_assert(poller->registered >= 0);
}

uint32_t foal__sim_poller_worker(const foal__poller *poller)
{
  return poller->worker;
}

/* ---- polling ---- */

static void run_signals(foal__sim_pending *item)
{
  foal__poller *p =
      (foal__poller *)(void *)((char *)item - offsetof(foal__poller, signal));
  uint32_t count = p->signals_count;
  p->signals_count = 0;
  for (uint32_t i = 0; i < count && p->caught != NULL; i++) p->caught(p->signals[i]);
}

foal_err foal__poller_open(foal__poller **out, uint32_t worker)
{
  foal_assert(out != NULL);
  foal__poller *p = foal__alloc(sizeof *p);
  if (p == NULL) return FOAL_NO_MEMORY;
  memset(p, 0, sizeof *p);
  ring_clear(&p->ring);
  p->signal.run = run_signals;
  p->worker = worker;
  *out = p;
  return FOAL_OK;
}

void foal__poller_close(foal__poller **poller)
{
  foal_assert(poller != NULL && *poller != NULL);
  foal__poller *p = *poller;
  while (p->registered > 0) foal__poller_poll(p, FOAL__POLL_FOREVER);
  *poller = NULL;
  if (watcher == p) watcher = NULL;
  foal__free(p);
}

static bool is_due(const foal__poller *p)
{
  return p->woken || p->ring.next != &p->ring;
}

static uint64_t end_of(uint64_t timeout_ns)
{
  if (timeout_ns == FOAL__POLL_FOREVER) return FOAL__SIM_NEVER;
  uint64_t until = foal__sim_now_ns() + timeout_ns;
  if (foal__sim_fires(FOAL__SIM_W_skew))
    until += (1 + foal__sim_how(FOAL__SIM_W_skew, SKEW_MS_MAX)) * MS;
  return until;
}

static void block(foal__poller *p, uint64_t timeout_ns)
{
  uint64_t until = end_of(timeout_ns);
  p->blocked = true;
  while (!is_due(p) && foal__sim_now_ns() < until) (void)foal__sim_wait(until);
  p->blocked = false;
}

void foal__poller_poll(foal__poller *poller, uint64_t timeout_ns)
{
  foal__sim_pending now, *item;
  foal_assert(poller != NULL);
  poller->fiber = foal__sim_fiber_self();
  if (timeout_ns == 0 || is_due(poller)) {
    foal__sim_yield();
  } else {
    block(poller, timeout_ns);
  }
  poller->woken = false;
  ring_move(&poller->ring, &now);
  while ((item = ring_draw(&now)) != NULL) {
    foal__sim_unpend(item);
    item->run(item);
  }
}

void foal__poller_wake(foal__poller *poller)
{
  foal_assert(poller != NULL);
  poller->woken = true;
  if (poller->blocked) foal__sim_ready(poller->fiber);
}

bool foal__poller_busy(const foal__poller *poller)
{
  foal_assert(poller != NULL);
  return poller->registered > 0;
}

/* ---- blocking work ---- */

typedef struct request {
  foal__sim_pending over; /* first */
  struct request *behind;
  foal__poller *poller;
  foal__job *job;
  foal__sim_fiber *thread;
} request;

static request *queue_first, *queue_last;

static void work(void *arg)
{
  request *r = arg;
  uint64_t until = foal__sim_now_ns() + foal__sim_some(FOAL__SIM_S_time, JOB_NS_MAX);
  while (foal__sim_now_ns() < until) (void)foal__sim_wait(until);
  r->job->run(r->job);
  foal__sim_pend(r->poller, &r->over);
}

static void start(request *r)
{
  foal__sim_world.jobs++;
  r->thread = foal__sim_fiber_new("pool", work, r);
}

static void run_over(foal__sim_pending *item)
{
  request *r = (request *)(void *)item, *next = queue_first;
  foal__job *job = r->job;
  foal__sim_fiber_join(r->thread);
  foal__sim_world.jobs--;
  foal__sim_poller_count(r->poller, -1);
  foal__free(r);
  if (next != NULL) {
    queue_first = next->behind;
    start(next);
  }
  job->done(job);
}

bool foal__poller_work(foal__poller *poller, foal__job *job)
{
  foal_assert(poller != NULL && job != NULL && job->run != NULL && job->done != NULL);
  if (foal__sim_on(FOAL__SIM_W_memory) && foal_sim_chance("work_refused")) return false;
  request *r = foal__alloc(sizeof *r);
  if (r == NULL) return false;
  *r = (request){.over = {.run = run_over}, .poller = poller, .job = job};
  foal__sim_poller_count(poller, 1);
  if (foal__sim_world.jobs < POOL_THREADS) {
    start(r);
  } else if (queue_first == NULL) {
    queue_first = queue_last = r;
  } else {
    queue_last->behind = r;
    queue_last = r;
  }
  return true;
}

/* ---- signals ---- */

foal_err foal__poller_watch_signals(foal__poller *poller,
                                    void (*caught)(int signal_number))
{
  foal_assert(poller != NULL && caught != NULL);
  foal_assert(poller->caught == NULL && watcher == NULL);
  poller->caught = caught;
  watcher = poller;
  return FOAL_OK;
}

void foal__poller_unwatch_signals(foal__poller *poller)
{
  foal_assert(poller != NULL);
  if (poller->caught == NULL) return;
  poller->caught = NULL;
  poller->signals_count = 0;
  foal__sim_unpend(&poller->signal);
  watcher = NULL;
}

bool foal__sim_signal(int signal_number)
{
  foal__poller *p = watcher;
  if (p == NULL || p->signals_count == SIGNALS_MAX) return false;
  p->signals[p->signals_count++] = signal_number;
  foal__sim_pend(p, &p->signal);
  return true;
}
