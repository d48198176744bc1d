/* What was taken out of a slot must go somewhere.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_slot s = {0};
  foal_buf *b;
  if (foal_slot_take(&s, &b)) sink_count(to, foal_buf_len(b));
}
