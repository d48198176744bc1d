/* A helper of another file moves the buffer: its prototype is enough to know.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_hand_over(to, &b);
  sink_count(to, foal_buf_len(b));
}
