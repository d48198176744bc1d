/* poller_uv.c - the event loop of a worker: one libuv loop, one async handle, one
 * timer.
 *
 * The async handle is how other threads wake the loop, and the only handle that is
 * always there. The timer bounds a poll; the scheduler owns all other time. Nothing
 * here runs user code: callbacks of the loop move data and post messages. Everything
 * but foal__poller_wake belongs to the thread of the worker.
 *
 * Sockets that libuv reports are read in small portions, between which the actors run
 * and answer: what a connection needs for a message, up to the kernel's own, is still
 * in the cache then. The loop runs again when all have been read, or as many as 512:
 * whoever connects, or can be written to, waits no longer than that. While actors still
 * wait for their turns (a poll by time) little is added to what they have to do,
 * but ever more if they leave no pause: the network must not wait for them. */
#include "impl/loop.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

enum {
  SIGNALS = 2,
  PORTION = 16,        /* sockets read while no actor waits for its turn */
  CROWDED_STEP = 16,   /* polls after which one more is read while some do */
  CROWDED_MAX = 65536, /* far more than any portion */
  SERVED_MAX = 512,    /* sockets read, then the loop runs, though not all have been */
  CROWDED_POLLS = 32,  /* or polls, while some do */
};
static const int signal_numbers[SIGNALS] = {SIGINT, SIGTERM};

struct foal__poller {
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t bound;
  uv_signal_t signals[SIGNALS];
  void (*caught)(int signal_number);
  int registered; /* handles and requests beside the ones above */
  foal__due *due, **due_end;
  void (*serve)(foal__due *due);
  uint32_t crowded; /* polls since the actors left a pause */
  uint32_t unrun;   /* the same, since the loop ran */
  uint32_t served;  /* sockets, since the loop ran */
};

typedef struct job_request {
  uv_work_t req;
  foal__poller *poller;
  foal__job *job;
} job_request;

uv_loop_t *foal__poller_loop(foal__poller *poller)
{
  foal_assert(poller != NULL);
  return &poller->loop;
}

void foal__poller_count(foal__poller *poller, int by)
{
  foal_assert(poller != NULL);
  poller->registered += by;
  foal_assert(poller->registered >= 0);
}

static void on_wake(uv_async_t *handle)
{
  (void)handle; /* coming back from the poll is all that is wanted */
}

static void on_bound(uv_timer_t *handle)
{
  /* uv_run looks at its timers before it blocks: without this a bound that has passed by
   * then would be forgotten, and the poll would block for ever. */
  uv_stop(handle->loop);
}

/* libuv writes with write(2), which raises SIGPIPE when the peer is gone. A program
 * that has chosen a handler keeps it. */
static void ignore_sigpipe(void)
{
  struct sigaction action;
  if (sigaction(SIGPIPE, NULL, &action) != 0 || action.sa_handler != SIG_DFL) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_IGN;
  (void)sigaction(SIGPIPE, &action, NULL);
}

static foal_err err_of(int status)
{
  foal_assert(status < 0);
  if (status == UV_ENOMEM) return FOAL_NO_MEMORY;
  return status == UV_EMFILE || status == UV_ENFILE ? FOAL_FILE_LIMIT : FOAL_IO;
}

foal_err foal__poller_open(foal__poller **out, uint32_t worker)
{
  foal_assert(out != NULL);
  (void)worker;
  foal__poller *p = foal__alloc(sizeof *p);
  if (p == NULL) return FOAL_NO_MEMORY;
  memset(p, 0, sizeof *p);
  ignore_sigpipe();
  int status = uv_loop_init(&p->loop);
  if (status != 0) {
    foal__free(p);
    return err_of(status);
  }
  status = uv_async_init(&p->loop, &p->wake, on_wake);
  if (status != 0) {
    (void)uv_loop_close(&p->loop);
    foal__free(p);
    return err_of(status);
  }
  (void)uv_timer_init(&p->loop, &p->bound); /* cannot fail: memory only */
  p->loop.data = p;
  p->due_end = &p->due;
  *out = p;
  return FOAL_OK;
}

static void close_if_open(uv_handle_t *handle)
{
  if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle)) uv_close(handle, NULL);
}

void foal__poller_close(foal__poller **poller)
{
  foal_assert(poller != NULL && *poller != NULL);
  foal__poller *p = *poller;
  *poller = NULL;
  close_if_open((uv_handle_t *)&p->wake);
  close_if_open((uv_handle_t *)&p->bound);
  for (int i = 0; i < SIGNALS; i++) close_if_open((uv_handle_t *)&p->signals[i]);
  /* Handles that are closing and look-ups in flight still have their callbacks to
   * come. */
  while (uv_loop_close(&p->loop) == UV_EBUSY) (void)uv_run(&p->loop, UV_RUN_ONCE);
  foal_assert(p->registered == 0);
  foal__free(p);
}

/* ---- polling ---- */

void foal__due_served_by(foal__poller *poller, void (*serve)(foal__due *due))
{
  foal_assert(poller != NULL && serve != NULL);
  poller->serve = serve;
}

void foal__due_add(foal__poller *poller, foal__due *due)
{
  foal_assert(poller != NULL && poller->serve != NULL);
  if (due->link != NULL) return;
  due->next = NULL;
  due->link = poller->due_end;
  *poller->due_end = due;
  poller->due_end = &due->next;
}

void foal__due_remove(foal__poller *poller, foal__due *due)
{
  foal_assert(poller != NULL && due != NULL);
  if (due->link == NULL) return;
  *due->link = due->next;
  if (due->next != NULL) {
    due->next->link = due->link;
  } else {
    poller->due_end = due->link;
  }
  due->link = NULL;
}

/* Runs the callbacks of the loop. */
static void run(foal__poller *poller, uint64_t timeout_ns)
{
  if (timeout_ns == 0) {
    (void)uv_run(&poller->loop, UV_RUN_NOWAIT);
    return;
  }
  if (timeout_ns != FOAL__POLL_FOREVER) {
    uint64_t timeout_ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    uv_update_time(&poller->loop); /* the timer counts from the loop's idea of now */
    int status = uv_timer_start(&poller->bound, on_bound, timeout_ms, 0);
    foal_assert(status == 0);
  }
  (void)uv_run(&poller->loop, UV_RUN_ONCE);
  if (timeout_ns != FOAL__POLL_FOREVER) (void)uv_timer_stop(&poller->bound);
}

/* A poll that may block is one of a worker that has nothing else to do. */
static uint32_t portion(foal__poller *poller, bool idle)
{
  if (idle) {
    poller->crowded = poller->unrun = 0;
    return PORTION;
  }
  if (poller->crowded < CROWDED_MAX) poller->crowded++;
  poller->unrun++;
  return 1 + poller->crowded / CROWDED_STEP;
}

/* Whether the loop runs: nobody waits to be read, or others have waited long enough. The
 * system looks at all who wait once more then, so not sooner than that. */
static bool loop_due(const foal__poller *poller)
{
  return poller->due == NULL || poller->served >= SERVED_MAX ||
         poller->unrun > CROWDED_POLLS;
}

void foal__poller_poll(foal__poller *poller, uint64_t timeout_ns)
{
  foal_assert(poller != NULL);
  uint32_t most = portion(poller, timeout_ns != 0);
  if (loop_due(poller)) {
    run(poller, poller->due == NULL ? timeout_ns : 0);
    poller->served = poller->unrun = 0;
  }
  for (; most > 0 && poller->due != NULL; most--) {
    foal__due *due = poller->due;
    foal__due_remove(poller, due);
    poller->serve(due);
    poller->served++;
  }
}

void foal__poller_wake(foal__poller *poller)
{
  foal_assert(poller != NULL);
  int status = uv_async_send(&poller->wake);
  foal_assert(status == 0);
}

bool foal__poller_busy(const foal__poller *poller)
{
  foal_assert(poller != NULL);
  return poller->registered > 0;
}

/* ---- blocking work ---- */

static void on_job(uv_work_t *req)
{
  job_request *r = (job_request *)req->data;
  r->job->run(r->job);
}

static void on_job_done(uv_work_t *req, int status)
{
  job_request *r = (job_request *)req->data;
  foal__job *job = r->job;
  foal_assert(status == 0); /* work is never cancelled */
  foal__poller_count(r->poller, -1);
  foal__free(r);
  job->done(job);
}

bool foal__poller_work(foal__poller *poller, foal__job *job)
{
  foal_assert(poller != NULL && job != NULL && job->run != NULL && job->done != NULL);
  job_request *r = foal__alloc(sizeof *r);
  if (r == NULL) return false;
  *r = (job_request){.poller = poller, .job = job};
  r->req.data = r;
  int status = uv_queue_work(&poller->loop, &r->req, on_job, on_job_done);
  foal_assert(status == 0);
  foal__poller_count(poller, 1);
  return true;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int signal_number)
{
  foal__poller *p = (foal__poller *)handle->data;
  foal_assert(p != NULL);
  if (p->caught != NULL) p->caught(signal_number);
}

foal_err foal__poller_watch_signals(foal__poller *poller,
                                    void (*caught)(int signal_number))
{
  foal_assert(poller != NULL && caught != NULL);
  foal_assert(poller->caught == NULL);
  for (int i = 0; i < SIGNALS; i++) {
    uv_signal_t *handle = &poller->signals[i];
    int status = 0;
    if (handle->type == UV_UNKNOWN_HANDLE) status = uv_signal_init(&poller->loop, handle);
    handle->data = poller;
    if (status == 0) status = uv_signal_start(handle, on_signal, signal_numbers[i]);
    if (status != 0) {
      while (i-- > 0) (void)uv_signal_stop(&poller->signals[i]);
      return err_of(status);
    }
  }
  poller->caught = caught;
  return FOAL_OK;
}

void foal__poller_unwatch_signals(foal__poller *poller)
{
  foal_assert(poller != NULL);
  if (poller->caught == NULL) return;
  for (int i = 0; i < SIGNALS; i++) (void)uv_signal_stop(&poller->signals[i]);
  poller->caught = NULL;
}
