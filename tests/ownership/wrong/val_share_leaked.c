/* Each shared handle is one more that must go somewhere.
 *
 * expect clang: val 'w' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val *w;
  foal_val_share(v, &w);
  sink_show(to, &v);
}
