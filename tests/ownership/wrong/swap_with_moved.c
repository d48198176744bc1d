/* Exchanges a buffer for one that is gone.
 *
 * expect clang: calling function 'foal_buf_swap' requires holding iso 'a' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *a;
  foal_buf *b;
  if (!sink_make(&a)) return;
  sink_put(to, &a);
  if (!sink_make(&b)) return;
  foal_buf_swap(&a, &b);
  sink_put(to, &b);
}
