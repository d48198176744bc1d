/* counters_test.c - what was done and what is alive, read while running and
 * afterwards. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/worker.h"

#include <stdatomic.h>

TestSuite(counters, .timeout = 60);

typedef struct counted {
  uint64_t left;
} counted;
FOAL_TAG(counted)
FOAL_ACTOR(counted)
FOAL_BEHAVIOUR1(counted, go, uint64_t, left)
FOAL_BEHAVIOUR1(counted, over, counted_tag, to)
FOAL_BEHAVIOUR0(counted, look)
FOAL_BEHAVIOUR_ISO(counted, take)

static foal_counters inside;

static void counted_on_go(counted *self, uint64_t left)
{
  if (left > 0) counted_go(counted_self(self), left - 1);
}

static void counted_on_over(counted *self, counted_tag to)
{
  (void)self;
  for (int i = 0; i < 100; i++) counted_go(to, 0);
}

static void counted_on_look(counted *self)
{
  (void)self;
  foal_counters_read(&inside);
}

static void counted_on_take(counted *self, foal_buf **b)
{
  counted_look(counted_self(self));
  foal_buf_drop(b);
}

static counted_tag counted_new(uint32_t worker)
{
  counted_tag tag;
  if (!counted_spawn_pinned(&tag, worker)) abort();
  return tag;
}

Test(counters, are_zero_at_first)
{
  foal_counters c, zero;
  memset(&zero, 0, sizeof zero);
  memset(&c, 0xff, sizeof c);
  foal_counters_read(&c);
  cr_expect_arr_eq(&c, &zero, sizeof c);
}

Test(counters, count_behaviours_exactly)
{
  start(1);
  counted_tag c = counted_new(0);
  counted_go(c, 999);
  finish();
  cr_expect_eq(counters().messages, 1000);
  cr_expect_eq(counters().messages_remote, 0);
  cr_expect_eq(counters().actors_spawned, 1);
}

Test(counters, tell_remote_messages)
{
  start(2);
  counted_over(counted_new(0), counted_new(1));
  finish();
  cr_expect_geq(counters().messages, 101);
  cr_expect_eq(counters().messages_remote, 100);
  cr_expect_geq(counters().parks, 1);
}

FOAL_TRUSTED Test(counters, live_ones_are_true_inside)
{
  foal_buf *b;
  start(1);
  counted_tag c = counted_new(0);
  if (!foal_buf_new(&b, 1)) abort();
  counted_look(c);
  counted_take(c, &b);
  cr_expect_eq(counters().bufs_live, 1);
  cr_expect_eq(counters().actors_live, 1);
  finish();
  cr_expect_eq(inside.bufs_live, 0);
  cr_expect_eq(inside.actors_live, 1);
  cr_expect_eq(counters().actors_live, 0);
}

Test(counters, do_not_wrap)
{
  start(2);
  for (int i = 0; i < 5; i++) foal__count(FOAL__C_bytes_out, INT32_MAX);
  cr_expect_eq(counters().bytes_out, 5 * (int64_t)INT32_MAX);
  finish();
  cr_expect_eq(counters().bytes_out, 5 * (int64_t)INT32_MAX);
}

Test(counters, begin_anew_with_each_start)
{
  start(1);
  counted_go(counted_new(0), 9);
  finish();
  cr_expect_eq(counters().messages, 10);
  start(1);
  cr_expect_eq(counters().messages, 0);
  finish();
  cr_expect_eq(counters().messages, 0);
}
