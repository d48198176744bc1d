/* The wrong branch uses the buffer.
 *
 * expect clang: releasing iso 'b' that was not held
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) sink_put(to, &b);
}
