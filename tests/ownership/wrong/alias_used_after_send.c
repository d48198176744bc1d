/* A second name survives the move, and is refused as well.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'other' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf *other = b;
  sink_put(to, &b);
  sink_count(to, foal_buf_len(other));
}
