/* A move takes the address of the variable, to leave NULL behind.
 *
 * expect clang: incompatible pointer types.*take the address with &
 * expect gcc: incompatible pointer type */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, b);
}
