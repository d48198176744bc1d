/* What was shared out of a slot is a handle of its own.
 *
 * expect clang: val 'v' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_val_slot s = {NULL};
  foal_val *v;
  if (foal_val_slot_share(&s, &v)) sink_count(to, foal_val_len(v));
}
