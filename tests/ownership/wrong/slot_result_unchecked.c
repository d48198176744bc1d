/* A slot may be empty.
 *
 * expect clang: ignoring return value of function
 * expect clang: releasing iso 'b' that was not held
 * expect gcc: ignoring return value */
#include "sink.h"

void run(sink_tag to)
{
  foal_slot s = {0};
  foal_buf *b;
  foal_slot_take(&s, &b);
  sink_put(to, &b);
}
