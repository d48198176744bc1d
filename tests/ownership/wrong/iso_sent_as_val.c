/* A behaviour that moves a frozen buffer does not take one that can be written.
 *
 * expect clang: incompatible pointer types
 * expect gcc: incompatible pointer type */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_show(to, &b);
}
