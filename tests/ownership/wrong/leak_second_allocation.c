/* The error path of the second allocation forgets the first buffer.
 *
 * expect clang: iso 'a' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *a;
  foal_buf *b;
  if (!foal_buf_new(&a, 64)) return;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &a);
  sink_put(to, &b);
}
