/* What is frozen has no way to be written.
 *
 * expect clang: incompatible pointer types
 * expect gcc: incompatible pointer type */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_buf_append(v, "x", 1);
  sink_show(to, &v);
}
