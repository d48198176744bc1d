/* Shares a handle that was moved.
 *
 * expect clang: calling function 'foal_val_share' requires holding val 'v' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val *w;
  sink_show(to, &v);
  foal_val_share(v, &w);
  sink_show(to, &w);
}
