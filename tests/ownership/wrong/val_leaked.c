/* A handle must go somewhere, else the bytes stay for ever.
 *
 * expect clang: val 'v' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  sink_count(to, foal_val_len(v));
}
