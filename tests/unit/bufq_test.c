/* bufq_test.c - slots and queues: order, bounds, and that nothing is lost or freed
 * twice.
 *
 * Test functions are FOAL_TRUSTED: they look at buffers in ways the checker does not
 * follow. */
#include "aborts.h"
#include "run.h"

#include "../../runtime/bufq.h"

FOAL_TRUSTED static foal_buf *from(const char *text)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, strlen(text))) abort();
  return b;
}

FOAL_TRUSTED static void put(foal_bufq *q, const char *text)
{
  foal_buf *b = from(text);
  foal_bufq_put(q, &b);
  cr_expect_null(b);
}

FOAL_TRUSTED static void take(foal_bufq *q, const char *text)
{
  foal_buf *b;
  if (!foal_bufq_take(q, &b)) {
    cr_assert_fail("the queue is empty");
    return;
  }
  cr_expect_eq(foal_buf_len(b), strlen(text));
  cr_expect_arr_eq(foal_buf_data(b), text, strlen(text));
  foal_buf_drop(&b);
}

FOAL_TRUSTED Test(slot, holds_one_and_gives_it_back)
{
  foal_slot s = {0};
  foal_buf *b = from("a"), *out = NULL;
  cr_expect_not(foal_slot_full(&s));
  cr_expect_not(foal_slot_take(&s, &out));
  cr_expect_null(out);
  foal_slot_put(&s, &b);
  cr_expect_null(b);
  cr_expect(foal_slot_full(&s));
  if (!foal_slot_take(&s, &out)) abort();
  cr_expect_not(foal_slot_full(&s));
  foal_buf_drop(&out);
  check_nothing_left();
}

FOAL_TRUSTED Test(slot, a_second_put_drops_the_first)
{
  foal_slot s = {0};
  foal_buf *a = from("a"), *b = from("b");
  foal_slot_put(&s, &a);
  foal_slot_put(&s, &b);
  cr_expect_eq(counters().bufs_live, 1);
  foal_slot_clear(&s);
  foal_slot_clear(&s);
  check_nothing_left();
}

FOAL_TRUSTED Test(slot, of_a_val_shares)
{
  foal_val_slot s = {0};
  foal_buf *b = from("val");
  foal_val *v, *copy = NULL, *taken = NULL;
  cr_expect_not(foal_val_slot_share(&s, &copy));
  cr_expect_not(foal_val_slot_take(&s, &taken));
  foal_buf_freeze(&b, &v);
  foal_val_slot_put(&s, &v);
  cr_expect_null(v);
  if (!foal_val_slot_share(&s, &copy) || !foal_val_slot_take(&s, &taken)) abort();
  cr_expect_eq(foal_val_data(copy), foal_val_data(taken));
  foal_val_slot_put(&s, &copy);
  foal_val_slot_put(&s, &taken);
  cr_expect_eq(counters().bufs_live, 1);
  foal_val_slot_clear(&s);
  check_nothing_left();
}

FOAL_TRUSTED Test(bufq, is_first_in_first_out)
{
  foal_bufq q = {0};
  foal_buf *none = NULL;
  cr_expect_not(foal_bufq_take(&q, &none));
  put(&q, "one");
  put(&q, "");
  put(&q, "three");
  cr_expect_eq(foal_bufq_count(&q), 3);
  cr_expect_eq(foal_bufq_bytes(&q), 8);
  cr_expect_eq(foal_bufq_room(&q), SIZE_MAX);
  take(&q, "one");
  put(&q, "four");
  take(&q, "");
  take(&q, "three");
  take(&q, "four");
  cr_expect_eq(foal_bufq_count(&q), 0);
  cr_expect_eq(foal_bufq_bytes(&q), 0);
  cr_expect_not(foal_bufq_take(&q, &none));
  put(&q, "again");
  take(&q, "again");
  check_nothing_left();
}

FOAL_TRUSTED Test(bufq, put_back_comes_first_and_ignores_the_bound)
{
  foal_bufq q = {0};
  foal_buf *b = from("first"), *c = from("zeroth");
  foal_bufq_bound(&q, 1);
  put(&q, "second");
  cr_expect_eq(foal_bufq_room(&q), 0);
  foal_bufq_put_back(&q, &b);
  foal_bufq_put_back(&q, &c);
  cr_expect_null(b);
  cr_expect_eq(foal_bufq_bytes(&q), 17);
  take(&q, "zeroth");
  take(&q, "first");
  take(&q, "second");
  b = from("alone");
  foal_bufq_put_back(&q, &b);
  take(&q, "alone");
  put(&q, "z");
  take(&q, "z");
  check_nothing_left();
}

FOAL_TRUSTED Test(bufq, one_buffer_may_pass_the_bound)
{
  foal_bufq q = {0};
  foal_bufq_bound(&q, 10);
  cr_expect_eq(foal_bufq_room(&q), 10);
  put(&q, "123456789");
  cr_expect_eq(foal_bufq_room(&q), 1);
  put(&q, "long one");
  cr_expect_eq(foal_bufq_room(&q), 0);
  foal_bufq_bound(&q, 0);
  cr_expect_eq(foal_bufq_room(&q), SIZE_MAX);
  foal_bufq_bound(&q, 18);
  cr_expect_eq(foal_bufq_room(&q), 1);
  foal_bufq_clear(&q);
  cr_expect_eq(foal_bufq_room(&q), 18, "clearing keeps the bound");
  check_nothing_left();
}

FOAL_TRUSTED static void put_without_room(void)
{
  foal_bufq q = {0};
  foal_bufq_bound(&q, 1);
  put(&q, "ab");
  put(&q, "c");
}

Test(bufq, put_without_room_aborts)
{
  CHECK_ABORTS(put_without_room, "bufq.c:", "foal_bufq_room(q) > 0");
}
