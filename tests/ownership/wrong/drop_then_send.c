/* Sends what was given back to the pool.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf_drop(&b);
  sink_put(to, &b);
}
