/* work_test.c - blocking work: one buffer out, one back, wherever it ran. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"
#include "../../runtime/work.h"

#include <semaphore.h>
#include <stdatomic.h>

static sem_t go_on;

static void prepare(void)
{
  if (sem_init(&go_on, 0, 0) != 0) abort();
}

TestSuite(work, .init = prepare, .timeout = 60);

typedef struct asker {
  uint32_t left;
} asker;
FOAL_TAG(asker)
FOAL_ACTOR(asker)
FOAL_WORK(asker, twice)
FOAL_WORK(asker, other)
FOAL_WORK(asker, slow)
FOAL_BEHAVIOUR1(asker, ask, uint32_t, count)
FOAL_BEHAVIOUR0(asker, ask_other)
FOAL_BEHAVIOUR0(asker, ask_and_leave)
FOAL_BEHAVIOUR0(asker, ask_and_stop)

static _Atomic(int) right, wrong, on_workers;

FOAL_TRUSTED static foal_buf *from(const char *text)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, strlen(text))) abort();
  return b;
}

static void note_thread(void)
{
  if (foal_worker() != UINT32_MAX) on_workers++;
}

static void asker_work_twice(foal_buf **b)
{
  uint8_t copy[100];
  size_t len = foal_buf_len(*b);
  note_thread();
  memcpy(copy, foal_buf_data(*b), len);
  foal_buf_append(*b, copy, len);
}

static void check(foal_buf **b, const char *text) FOAL_TAKES(*b);
static void check(foal_buf **b, const char *text)
{
  bool ok = foal_buf_len(*b) == strlen(text) &&
            memcmp(foal_buf_data(*b), text, strlen(text)) == 0;
  ok ? right++ : wrong++;
  foal_buf_drop(b);
}

static void asker_on_twice(asker *self, foal_buf **b)
{
  check(b, "abcabc");
  if (--self->left == 0) foal_actor_end(FOAL_ENDED);
}

FOAL_TRUSTED static void asker_on_ask(asker *self, uint32_t count)
{
  self->left = count;
  for (uint32_t i = 0; i < count; i++) {
    foal_buf *b = from("abc");
    asker_twice_start(self, &b);
  }
}

FOAL_TRUSTED static void asker_work_other(foal_buf **b)
{
  foal_buf_drop(b);
  *b = from("quite another one");
}

static void asker_on_other(asker *self, foal_buf **b)
{
  (void)self;
  check(b, "quite another one");
}

FOAL_TRUSTED static void asker_on_ask_other(asker *self)
{
  foal_buf *b = from("abc");
  asker_other_start(self, &b);
}

static void asker_work_slow(foal_buf **b)
{
  note_thread();
  (void)sem_wait(&go_on);
  foal_buf_truncate(*b, 0);
}

static void asker_on_slow(asker *self, foal_buf **b)
{
  (void)self;
  wrong++; /* nobody is there any more */
  foal_buf_drop(b);
}

FOAL_TRUSTED static void asker_on_ask_and_leave(asker *self)
{
  foal_buf *b = from("late");
  asker_slow_start(self, &b);
  foal_actor_end(FOAL_ENDED);
}

FOAL_TRUSTED static void asker_on_ask_and_stop(asker *self)
{
  foal_buf *b = from("late");
  asker_slow_start(self, &b);
  foal_stop(4);
}

static void let_go(void)
{
  (void)sem_post(&go_on);
}

static asker_tag asker_new(uint32_t worker)
{
  asker_tag tag;
  if (!asker_spawn_on(&tag, worker)) abort();
  return tag;
}

Test(work, answers_off_the_workers_and_keeps_the_program_alive)
{
  start(2);
  asker_ask(asker_new(0), 100);
  asker_ask(asker_new(1), 100);
  finish();
  cr_expect_eq(right, 200);
  cr_expect_eq(wrong, 0);
  cr_expect_eq(on_workers, 0);
}

Test(work, may_answer_with_another_buffer)
{
  start(1);
  asker_ask_other(asker_new(0));
  finish();
  cr_expect_eq(right, 1);
}

/* The releasing actor runs when the asker has ended. */
typedef struct opener {
  char unused;
} opener;
FOAL_TAG(opener)
FOAL_ACTOR(opener)
FOAL_DOWN(opener)
FOAL_BEHAVIOUR1(opener, wait_for, asker_tag, who)

static void opener_on_wait_for(opener *self, asker_tag who)
{
  opener_watch(self, who.any);
  asker_ask_and_leave(who);
}

static void opener_on_down(opener *self, foal_tag who, foal_err why)
{
  (void)self;
  (void)who;
  (void)why;
  let_go();
}

Test(work, results_for_an_ended_actor_are_freed)
{
  opener_tag o;
  start(1);
  if (!opener_spawn(&o)) abort();
  opener_wait_for(o, asker_new(0));
  finish();
  cr_expect_eq(wrong, 0);
  cr_expect_eq(on_workers, 0);
  cr_expect_eq(counters().messages_dropped, 1);
}

static bool end_seen;
typedef struct last {
  char unused;
} last;
FOAL_TAG(last)
FOAL_ACTOR_WITH_END(last)
static void last_on_end(last *self)
{
  (void)self;
  end_seen = true;
  let_go();
}

Test(work, stopping_waits_for_what_runs)
{
  last_tag l;
  start(1);
  if (!last_spawn(&l)) abort();
  asker_ask_and_stop(asker_new(0));
  cr_expect_eq(finish(), 4);
  cr_expect(end_seen);
  cr_expect_eq(wrong, 0);
}
