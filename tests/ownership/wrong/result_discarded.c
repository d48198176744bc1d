/* Whether there is a buffer must be asked.
 *
 * expect clang: ignoring return value of function
 * expect clang: releasing iso 'b' that was not held
 * expect gcc: ignoring return value */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  foal_buf_new(&b, 64);
  sink_put(to, &b);
}
