/* A handle that was given up reads nothing any more.
 *
 * expect clang: calling function 'foal_val_data' requires holding val 'v' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val_drop(&v);
  sink_count(to, foal_val_data(v)[0]);
}
