/* Two buffers in hand: one is sent twice, the other never.
 *
 * expect clang: releasing iso 'a' that was not held
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *a;
  foal_buf *b;
  if (!foal_buf_new(&a, 64)) return;
  if (!foal_buf_new(&b, 64)) {
    foal_buf_drop(&a);
    return;
  }
  sink_put(to, &a);
  sink_put(to, &a);
}
