/* Freezing spends the buffer: only the handle is left.
 *
 * expect clang: calling function 'foal_buf_append' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_buf_append(b, "late", 4);
  sink_show(to, &v);
}
