/* The part that was split off is an owned buffer of its own.
 *
 * expect clang: iso 'front' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf *front;
  if (foal_buf_split(b, 1, &front)) sink_count(to, foal_buf_len(front));
  sink_put(to, &b);
}
