/* buf_test.c - iso buffers and vals: bytes, bounds, ownership, and what misuse says.
 *
 * Programs that misuse buffers do not compile under clang; here they do, on purpose,
 * to see the debug stamps at work. Such functions are marked FOAL_TRUSTED. */
#include "aborts.h"
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/bufq.h"

/* ---- bytes ---- */

Test(buf, new_is_empty_with_the_room_wanted)
{
  size_t sizes[] = {0, 1, 100, 4096, 16384, 65536, FOAL_BUF_BYTES_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    foal_buf *b;
    if (!foal_buf_new(&b, sizes[i])) {
      cr_assert_fail("no memory");
      return;
    }
    cr_expect_eq(foal_buf_len(b), 0);
    cr_expect_geq(foal_buf_room(b), sizes[i]);
    cr_expect_not_null(foal_buf_data(b));
    memset(foal_buf_tail(b), 7, foal_buf_room(b));
    foal_buf_drop(&b);
    cr_expect_null(b);
  }
  check_nothing_left();
}

FOAL_TRUSTED Test(buf, too_large_is_refused)
{
  static uint8_t bytes[FOAL_BUF_BYTES_MAX + 1];
  foal_buf *b = NULL;
  cr_expect_not(foal_buf_new(&b, sizeof bytes));
  cr_expect_not(foal_buf_from(&b, bytes, sizeof bytes));
  cr_expect_null(b);
}

FOAL_TRUSTED static foal_buf *from(const char *text)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, strlen(text))) abort();
  return b;
}

FOAL_TRUSTED static void expect_text(foal_buf *b, const char *text)
{
  cr_expect_eq(foal_buf_len(b), strlen(text));
  cr_expect_arr_eq(foal_buf_data(b), text, strlen(text));
}

FOAL_TRUSTED Test(buf, bytes_come_and_go_at_both_ends)
{
  foal_buf *b = from("hello");
  expect_text(b, "hello");
  cr_expect_eq(foal_buf_append(b, " world", 6), 6);
  foal_buf_consume(b, 6);
  expect_text(b, "world");
  foal_buf_truncate(b, 3);
  expect_text(b, "wor");
  foal_buf_bytes(b)[0] = 'W';
  memcpy(foal_buf_tail(b), "ld", 2);
  foal_buf_extend(b, 2);
  expect_text(b, "World");
  size_t room = foal_buf_room(b);
  foal_buf_consume(b, 5);
  cr_expect_gt(foal_buf_room(b), room, "an empty buffer has all its room again");
  cr_expect_eq(foal_buf_append(b, NULL, 0), 0);
  foal_buf_drop(&b);
  if (!foal_buf_from(&b, NULL, 0)) abort();
  expect_text(b, "");
  foal_buf_drop(&b);
  check_nothing_left();
}

FOAL_TRUSTED Test(buf, append_takes_what_fits)
{
  static uint8_t bytes[4096];
  foal_buf *b;
  if (!foal_buf_new(&b, 10)) abort();
  size_t room = foal_buf_room(b), taken = foal_buf_append(b, bytes, sizeof bytes);
  cr_expect_eq(taken, room);
  cr_expect_eq(foal_buf_room(b), 0);
  cr_expect_eq(foal_buf_append(b, bytes, 1), 0);
  foal_buf_drop(&b);
}

FOAL_TRUSTED Test(buf, split_moves_the_front)
{
  foal_buf *b = from("headbody"), *head, *all;
  if (!foal_buf_split(b, 4, &head)) abort();
  expect_text(head, "head");
  expect_text(b, "body");
  foal_buf_swap(&b, &head);
  expect_text(b, "head");
  if (!foal_buf_split(b, 4, &all)) abort();
  expect_text(b, "");
  expect_text(all, "head");
  foal_buf_drop(&b);
  foal_buf_drop(&head);
  foal_buf_drop(&all);
  check_nothing_left();
}

static void extend_too_far(void)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 10)) return;
  foal_buf_extend(b, foal_buf_room(b) + 1);
  foal_buf_drop(&b);
}

static void consume_too_much(void)
{
  foal_buf *b;
  if (!foal_buf_from(&b, "abc", 3)) return;
  foal_buf_consume(b, 4);
  foal_buf_drop(&b);
}

static void truncate_to_more(void)
{
  foal_buf *b;
  if (!foal_buf_from(&b, "abc", 3)) return;
  foal_buf_truncate(b, 4);
  foal_buf_drop(&b);
}

static void split_too_much(void)
{
  foal_buf *b, *head;
  if (!foal_buf_from(&b, "abc", 3)) return;
  if (foal_buf_split(b, 4, &head)) foal_buf_drop(&head);
  foal_buf_drop(&b);
}

Test(buf, wrong_lengths_abort_in_every_build)
{
  CHECK_ABORTS(extend_too_far, "this must hold", "buf.c:");
  CHECK_ABORTS(consume_too_much, "this must hold", "len <= b->len");
  CHECK_ABORTS(truncate_to_more, "this must hold");
  CHECK_ABORTS(split_too_much, "this must hold");
}

/* ---- the pool ---- */

FOAL_TRUSTED Test(buf, secrets_are_wiped_before_the_memory_is_used_again)
{
  static const uint8_t zeros[64];
  start(1);
  foal_buf *b = from("the key");
  foal_buf_mark_secret(b);
  const uint8_t *was = foal_buf_data(b);
  foal_buf_drop(&b);
  if (!foal_buf_new(&b, 7)) abort();
  cr_assert_eq(foal_buf_data(b), was, "the pool gives the same memory");
  cr_expect_arr_eq(foal_buf_tail(b), zeros, sizeof zeros);
  foal_buf_drop(&b);
  finish();
}

FOAL_TRUSTED Test(buf, outlives_its_runtime)
{
  foal_buf *small, *large;
  start(4);
  if (!foal_buf_from(&small, "kept", 4) || !foal_buf_new(&large, FOAL_BUF_BYTES_MAX))
    abort();
  foal_run();
  cr_expect_eq(counters().bufs_live, 2);
  expect_text(small, "kept");
  foal_buf_drop(&small);
  start(1);
  foal_buf_drop(&large);
  finish();
}

/* ---- vals ---- */

FOAL_TRUSTED Test(val, is_shared_and_freed_by_the_last)
{
  foal_buf *b = from("frozen");
  foal_val *a, *c;
  const uint8_t *bytes = foal_buf_data(b);
  foal_buf_freeze(&b, &a);
  cr_expect_null(b);
  foal_val_share(a, &c);
  foal_val_drop(&a);
  cr_expect_null(a);
  cr_expect_eq(foal_val_len(c), 6);
  cr_expect_eq(foal_val_data(c), bytes, "freezing copies nothing");
  cr_expect_arr_eq(foal_val_data(c), "frozen", 6);
  cr_expect_eq(counters().bufs_live, 1);
  foal_val_drop(&c);
  check_nothing_left();
}

/* ---- misuse, in a turn and outside ---- */

#ifdef FOAL_DEBUG

typedef struct sink {
  foal_slot kept;
} sink;
FOAL_TAG(sink)
FOAL_ACTOR_WITH_END(sink)
FOAL_BEHAVIOUR_ISO(sink, put)
FOAL_BEHAVIOUR_ISO(sink, forget)
FOAL_BEHAVIOUR_VAL(sink, forget_val)
FOAL_BEHAVIOUR0(sink, use_after_send)
FOAL_BEHAVIOUR1(sink, keep_outside, sink_tag, other)
FOAL_BEHAVIOUR0(sink, use_of_another)

static foal_buf *outside; /* what no program should have */

static void sink_on_put(sink *self, foal_buf **b)
{
  foal_slot_put(&self->kept, b);
}

FOAL_TRUSTED static void sink_on_forget(sink *self, foal_buf **b)
{
  (void)self;
  foal_buf_truncate(*b, 0);
}

FOAL_TRUSTED static void sink_on_forget_val(sink *self, foal_val **v)
{
  (void)self;
  (void)v;
}

FOAL_TRUSTED static void sink_on_use_after_send(sink *self)
{
  foal_buf *b = from("x"), *alias = b;
  sink_put(sink_self(self), &b);
  foal_buf_bytes(alias)[0] = 'y';
}

FOAL_TRUSTED static void sink_on_keep_outside(sink *self, sink_tag other)
{
  (void)self;
  outside = from("mine");
  sink_use_of_another(other);
}

FOAL_TRUSTED static void sink_on_use_of_another(sink *self)
{
  (void)self;
  foal_buf_truncate(outside, 1);
}

static void sink_on_end(sink *self)
{
  foal_slot_clear(&self->kept);
}

static sink_tag begin_sink(void)
{
  sink_tag tag;
  start(1);
  if (!sink_spawn(&tag)) abort();
  return tag;
}

static void use_after_send(void)
{
  sink_use_after_send(begin_sink());
  foal_run();
}

static void forget_iso(void)
{
  sink_tag tag = begin_sink();
  foal_buf *b;
  if (!foal_buf_new(&b, 1)) return;
  sink_forget(tag, &b);
  foal_run();
}

static void forget_val(void)
{
  sink_tag tag = begin_sink();
  foal_buf *b;
  foal_val *v;
  if (!foal_buf_new(&b, 1)) return;
  foal_buf_freeze(&b, &v);
  sink_forget_val(tag, &v);
  foal_run();
}

static void use_of_another(void)
{
  sink_tag one = begin_sink(), two;
  if (!sink_spawn(&two)) return;
  sink_keep_outside(one, two);
  foal_run();
}

FOAL_TRUSTED static void drop_twice(void)
{
  foal_buf *b, *alias;
  start(1); /* pooled memory stays readable */
  b = from("x");
  alias = b;
  foal_buf_drop(&b);
  foal_buf_drop(&alias);
}

FOAL_TRUSTED static void use_after_freeze(void)
{
  foal_buf *b = from("x"), *alias = b;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_buf_append(alias, "y", 1);
}

FOAL_TRUSTED static void send_twice(void)
{
  sink_tag tag = begin_sink();
  foal_buf *b = from("x"), *alias = b;
  sink_put(tag, &b);
  sink_put(tag, &alias);
}

Test(buf_misuse, names_actor_behaviour_and_place)
{
  CHECK_ABORTS(use_after_send, "actor 'sink' #", "behaviour 'use_after_send'", "worker 0",
               "buf_test.c:", "it was sent already", "as 'sink.put'");
  CHECK_ABORTS(forget_iso, "actor 'sink'", "behaviour 'forget'",
               "buf_test.c:", "returned without moving it on");
  CHECK_ABORTS(forget_val, "actor 'sink'", "behaviour 'forget_val'",
               "without moving it on");
  CHECK_ABORTS(use_of_another, "behaviour 'use_of_another'",
               "buf_test.c:", "it belongs to another actor");
}

Test(buf_misuse, is_found_outside_turns_too)
{
  CHECK_ABORTS(drop_twice, "outside any turn", "buf_test.c:", "it was dropped already");
  CHECK_ABORTS(use_after_freeze, "outside any turn",
               "buf_test.c:", "it was frozen already");
  CHECK_ABORTS(send_twice, "it was sent already", "as 'sink.put'");
}

#endif
