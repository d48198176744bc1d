/* worker_test.c - the small services of a worker that net/ stands on: the buffer that
 * reads go into, and handles that are counted. */
#include "run.h"

#include "../../runtime/actor.h"
#include "../../runtime/impl/worker.h"

typedef struct reader {
  int unused;
} reader;
FOAL_TAG(reader)
FOAL_ACTOR(reader)
FOAL_BEHAVIOUR0(reader, read)

static bool same, other, emptied, kept_one;

/* Buffers of the worker pass through here untyped; the checker does not see them. */
FOAL_TRUSTED static void use_read_bufs(void)
{
  foal_buf *a, *b, *c;
  if (!foal__read_buf_take(&a) || !foal__read_buf_take(&b)) abort();
  const foal_buf *first = a;
  other = a != b;
  foal_buf_extend(a, 10);
  foal__read_buf_give(&a);
  foal__read_buf_give(&b);
  if (!foal__read_buf_take(&c)) abort();
  same = c == first;
  emptied = foal_buf_len(c) == 0;
  foal__read_buf_give(&c);
  kept_one = counters().bufs_live == 1;
}

static void reader_on_read(reader *self)
{
  (void)self;
  use_read_bufs();
}

/* One is kept, whole and empty; a second one goes back to the pool. */
Test(worker, keeps_one_read_buffer)
{
  reader_tag tag;
  start(1);
  cr_assert(reader_spawn(&tag));
  reader_read(tag);
  cr_assert_eq(finish(), 0);
  cr_expect(other);
  cr_expect(same);
  cr_expect(emptied);
  cr_expect(kept_one);
}

Test(worker, the_last_handle_is_told)
{
  foal__refs refs;
  foal__refs_begin(&refs);
  cr_assert(foal__refs_alone(&refs));
  foal__refs_share(&refs);
  cr_assert_not(foal__refs_alone(&refs));
  cr_assert_not(foal__refs_drop(&refs));
  cr_assert(foal__refs_drop(&refs));
}

/* Whoever sends when everything is over sends to nobody, and nothing is kept. */
Test(worker, mail_after_the_end_is_thrown_away)
{
  reader_tag tag;
  start(1);
  cr_assert(reader_spawn(&tag));
  cr_assert_eq(finish(), 0);
  reader_read(tag);
  foal_actor_tell_end(tag.any, FOAL_ENDED);
  check_nothing_left();
}
