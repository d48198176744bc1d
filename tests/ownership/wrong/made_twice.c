/* A variable that owns a buffer is given another one; the first is lost.
 *
 * expect clang: acquiring iso 'b' that is already held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (!foal_buf_new(&b, 128)) {
    foal_buf_drop(&b);
    return;
  }
  sink_put(to, &b);
}
