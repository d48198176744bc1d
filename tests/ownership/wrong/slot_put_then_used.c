/* What was put into a slot belongs to the slot.
 *
 * expect clang: calling function 'foal_buf_append' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_slot s = {0};
  foal_slot_put(&s, &b);
  foal_buf_append(b, "late", 4);
  if (foal_slot_take(&s, &b)) sink_put(to, &b);
}
