/* Asked, and the answer thrown away.
 *
 * expect clang: calling function 'foal_buf_append' requires holding iso 'b'
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  bool made = foal_buf_new(&b, 64);
  (void)made;
  foal_buf_append(b, "x", 1);
  sink_put(to, &b);
}
