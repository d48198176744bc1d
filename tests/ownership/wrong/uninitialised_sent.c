/* A variable that never got a buffer.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  sink_put(to, &b);
}
