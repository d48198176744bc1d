/* Splits what was sent.
 *
 * expect clang: calling function 'foal_buf_split' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf *front;
  sink_put(to, &b);
  if (foal_buf_split(b, 1, &front)) sink_put(to, &front);
}
