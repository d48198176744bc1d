/* work.c - blocking work: one buffer out to the pool, one back as a message. */
#include "work.h"

#include "impl/alloc.h"
#include "impl/assert.h"
#include "impl/buf_head.h"
#include "impl/worker.h"
#include "log.h"

typedef struct work {
  foal__job job; /* first */
  foal_tag reply_to;
  const foal_behaviour *done;
  void (*run)(foal_buf **b);
  foal_buf *buf;
} work;

FOAL_TRUSTED static void on_pool(foal__job *job)
{
  work *w = (work *)(void *)job;
  foal__buf_arrive(w->buf);
  w->run(&w->buf);
  foal_assert(w->buf != NULL); /* the work may replace its buffer, not keep it */
  foal__buf_depart(w->buf);
}

FOAL_TRUSTED static void on_worker(foal__job *job)
{
  work *w = (work *)(void *)job;
  foal__buf_arrive(w->buf);
  foal__post_buf(w->reply_to, w->done, &w->buf);
  foal__count(FOAL__C_works_live, -1);
  foal__free(w);
  foal__release_later();
}

FOAL_TRUSTED void foal__work(foal_tag reply_to, const foal_behaviour *done,
                             void (*run)(foal_buf **b), foal_buf **b)
{
  foal_assert(b != NULL && *b != NULL && run != NULL && done != NULL);
  work *w = foal__alloc(sizeof *w);
  if (w == NULL) {
    foal_log(FOAL_LOG_WARNING, "out of memory: work '%s.%s' runs in its turn",
             done->actor, done->name);
    run(b);
    foal__post_buf(reply_to, done, b);
    return;
  }
  *w = (work){{on_pool, on_worker}, reply_to, done, run, *b};
  *b = NULL;
  foal__buf_depart(w->buf);
  foal_hold();
  foal__count(FOAL__C_works_live, 1);
  if (foal__poller_work(foal__worker_poller(), &w->job)) return;
  on_pool(&w->job);
  on_worker(&w->job);
}
