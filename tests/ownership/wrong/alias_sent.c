/* A second name for a buffer owns nothing: Pony refuses an alias of an iso too.
 *
 * expect clang: releasing iso 'other' that was not held
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf *other = b;
  sink_put(to, &other);
}
