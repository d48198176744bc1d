/* Reads a buffer that belongs to its receiver already.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &b);
  sink_count(to, foal_buf_len(b));
}
