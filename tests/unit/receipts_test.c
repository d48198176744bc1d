/* receipts_test.c - the ring of marks: order, growth, bound, and which piece has left.
 *
 * Every piece is followed by what a plain list of numbers says about it. */
#include "aborts.h"

#include "../../net/conn.h"
#include "../../net/impl/receipts.h"

TestSuite(receipts, .timeout = 30);

static foal__receipts *book(size_t waiting, bool on_its_way)
{
  foal__receipts *r = foal__receipts_new(waiting, on_its_way);
  if (r == NULL) abort();
  return r;
}

/* Accepts a piece and owes a receipt for it, as foal_conn_send does. */
static void owe(foal__receipts *r, size_t bytes, uint64_t token)
{
  cr_assert(foal__receipts_owe(r, bytes, token));
  if (bytes > 0) foal__receipts_written(r, bytes);
}

/* A write leaves all but so many bytes, and the system takes it. */
static void leave(foal__receipts *r, size_t waiting)
{
  foal__receipts_leaving(r, waiting);
  foal__receipts_left(r);
}

static void takes(foal__receipts *r, bool all, uint64_t token)
{
  uint64_t got = ~token;
  cr_assert(all || foal__receipts_due(r));
  cr_assert(foal__receipts_take(r, all, &got));
  cr_assert_eq(got, token);
}

static void takes_none(foal__receipts *r)
{
  uint64_t got;
  cr_assert_not(foal__receipts_due(r));
  cr_assert_not(foal__receipts_take(r, false, &got));
}

Test(receipts, nothing_is_owed_at_first)
{
  uint64_t token;
  foal__receipts *r = book(0, false);
  cr_assert_eq(foal__receipts_count(r), 0);
  takes_none(r);
  cr_assert_not(foal__receipts_take(r, true, &token));
  foal__receipts_drop(&r);
  cr_assert_null(r);
  foal__receipts_drop(&r); /* NULL is ignored */
}

Test(receipts, due_when_the_last_byte_has_left)
{
  foal__receipts *r = book(0, false);
  owe(r, 10, 1);
  owe(r, 5, 2);
  takes_none(r);
  foal__receipts_leaving(r, 5);
  takes_none(r); /* on its way is not there */
  foal__receipts_left(r);
  takes(r, false, 1);
  takes_none(r);
  leave(r, 1);
  takes_none(r); /* a byte is missing */
  leave(r, 0);
  takes(r, false, 2);
  takes_none(r);
  foal__receipts_drop(&r);
}

Test(receipts, what_was_written_without_a_receipt_counts)
{
  foal__receipts *r = book(100, false);
  foal__receipts_written(r, 20);
  owe(r, 3, 1);
  foal__receipts_written(r, 7);
  leave(r, 11);
  takes_none(r);
  leave(r, 10);
  takes_none(r);
  leave(r, 7);
  takes(r, false, 1);
  foal__receipts_drop(&r);
}

Test(receipts, empty_pieces_wait_for_what_is_before_them)
{
  foal__receipts *r = book(4, false);
  owe(r, 0, 1);
  takes_none(r);
  leave(r, 0);
  takes(r, false, 1);
  owe(r, 0, 2); /* nothing is before it */
  takes(r, false, 2);
  foal__receipts_drop(&r);
}

Test(receipts, a_write_on_its_way_is_before_the_first_piece)
{
  foal__receipts *r = book(0, true);
  owe(r, 0, 1);
  takes_none(r);
  owe(r, 2, 2);
  foal__receipts_left(r);
  takes(r, false, 1);
  takes_none(r);
  leave(r, 0);
  takes(r, false, 2);
  foal__receipts_drop(&r);
}

Test(receipts, all_of_them_at_the_end)
{
  uint64_t token;
  foal__receipts *r = book(0, false);
  for (uint64_t i = 0; i < 3; i++) owe(r, 1, 70 + i);
  leave(r, 2);
  for (uint64_t i = 0; i < 3; i++) takes(r, true, 70 + i);
  cr_assert_not(foal__receipts_take(r, true, &token));
  foal__receipts_drop(&r);
}

/* Wherever the ring begins when it grows, the order stays. */
Test(receipts, growth_keeps_the_order_from_any_beginning)
{
  enum { FIRST = 4, LAST = 70 };
  for (uint64_t skipped = 0; skipped <= FIRST; skipped++) {
    foal__receipts *r = book(0, false);
    for (uint64_t i = 0; i < skipped; i++) owe(r, 1, i);
    leave(r, 0);
    for (uint64_t i = 0; i < skipped; i++) takes(r, false, i);
    for (uint64_t i = 0; i < LAST; i++) owe(r, 1, 1000 + i);
    cr_assert_eq(foal__receipts_count(r), LAST);
    for (uint64_t i = 0; i < LAST; i++) {
      takes_none(r);
      leave(r, (size_t)(LAST - 1 - i));
      takes(r, false, 1000 + i);
    }
    cr_assert_eq(foal__receipts_count(r), 0);
    foal__receipts_drop(&r);
  }
}

/* Around the ring again and again, with one to all of its places in use. */
Test(receipts, around_the_ring)
{
  foal__receipts *r = book(0, false);
  uint64_t owed = 0, given = 0;
  for (uint64_t round = 0; round < 200; round++) {
    while (owed - given < 1 + round % 16) owe(r, 1, owed++);
    leave(r, 0);
    while (owed - given > round % 3) takes(r, false, given++);
    cr_assert_eq(foal__receipts_count(r), owed - given);
  }
  foal__receipts_drop(&r);
}

Test(receipts, as_many_as_are_allowed)
{
  foal__receipts *r = book(0, false);
  for (uint64_t i = 0; i < FOAL_RECEIPTS_MAX; i++) owe(r, 2, i);
  cr_assert_eq(foal__receipts_count(r), FOAL_RECEIPTS_MAX);
  leave(r, 2);
  takes(r, false, 0);
  owe(r, 2, FOAL_RECEIPTS_MAX); /* into the place that is free */
  for (uint64_t i = 1; i < FOAL_RECEIPTS_MAX - 1; i++) takes(r, false, i);
  takes_none(r);
  leave(r, 0);
  takes(r, false, FOAL_RECEIPTS_MAX - 1);
  takes(r, false, FOAL_RECEIPTS_MAX);
  foal__receipts_drop(&r);
}

static void beyond_the_bound(void)
{
  foal__receipts *r = book(0, false);
  for (uint64_t i = 0; i <= FOAL_RECEIPTS_MAX; i++) owe(r, 0, i);
}

static void more_waits_than_was_written(void)
{
  foal__receipts *r = book(3, false);
  foal__receipts_leaving(r, 4);
}

static void back_to_the_sender(void)
{
  foal__receipts *r = book(3, false);
  leave(r, 0);
  foal__receipts_leaving(r, 1);
}

Test(receipts, what_cannot_be_aborts)
{
  CHECK_ABORTS(beyond_the_bound, "FOAL_RECEIPTS_MAX");
  CHECK_ABORTS(more_waits_than_was_written, "waiting");
  CHECK_ABORTS(back_to_the_sender, "leaving");
}
