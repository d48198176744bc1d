/* A helper that only borrows gives the buffer back to the pool.
 *
 * expect clang: expecting iso 'b' to be held at the end of function
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

static void trim(foal_buf *b) FOAL_USES(b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  trim(b);
  sink_put(to, &b);
}

static void trim(foal_buf *b)
{
  if (foal_buf_len(b) == 0) return;
  foal_buf_truncate(b, 1);
  foal_buf_drop(&b);
}
