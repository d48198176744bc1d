/* A behaviour that moves a buffer does not take a frozen one.
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
  sink_put(to, &v);
}
