/* A handle is owned like a buffer: moved means gone.
 *
 * expect clang: calling function 'foal_val_len' requires holding val 'v' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  sink_show(to, &v);
  sink_count(to, foal_val_len(v));
}
