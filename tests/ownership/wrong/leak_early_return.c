/* One of two ways out forgets the buffer.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (sink_coin()) return;
  sink_put(to, &b);
}
