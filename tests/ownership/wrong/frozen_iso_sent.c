/* Freezing spends the buffer: it cannot be sent beside its handle.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  sink_put(to, &b);
  sink_show(to, &v);
}
