/* Gives back to the pool what was sent.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &b);
  foal_buf_drop(&b);
}
