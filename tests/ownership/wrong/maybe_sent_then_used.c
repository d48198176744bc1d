/* Sent on one path, used on both.
 *
 * expect clang: iso 'b' is not held on every path
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b'
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (sink_coin()) sink_put(to, &b);
  sink_count(to, foal_buf_len(b));
  foal_buf_drop(&b);
}
