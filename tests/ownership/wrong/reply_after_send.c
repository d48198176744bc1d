/* A move beside a value argument is a move as well.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_reply(to, &b, to.any);
  sink_put(to, &b);
}
