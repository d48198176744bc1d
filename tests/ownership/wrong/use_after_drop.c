/* Reads a buffer that went back to the pool.
 *
 * expect clang: calling function 'foal_buf_data' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf_drop(&b);
  sink_count(to, foal_buf_data(b)[0]);
}
