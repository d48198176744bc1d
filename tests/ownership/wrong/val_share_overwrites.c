/* Sharing into a handle that is held loses it.
 *
 * expect clang: acquiring val 'w' that is already held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val *w;
  foal_val_share(v, &w);
  foal_val_share(v, &w);
  sink_show(to, &v);
  sink_show(to, &w);
}
