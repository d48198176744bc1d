/* One buffer, two sends: the second receiver would share it with the first.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &b);
  sink_put(to, &b);
}
