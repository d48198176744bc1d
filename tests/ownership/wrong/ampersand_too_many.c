/* A borrow takes the pointer itself.
 *
 * expect clang: incompatible pointer types
 * expect gcc: incompatible pointer type */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_count(to, foal_buf_len(&b));
  sink_put(to, &b);
}
