/* Sent on one path, then sent on both: moves are not conditional.
 *
 * expect clang: iso 'b' is not held on every path
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (sink_coin()) sink_put(to, &b);
  sink_put(to, &b);
}
