/* One handle, two places.
 *
 * expect clang: releasing val 'v' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val_slot s = {NULL};
  foal_val_slot_put(&s, &v);
  foal_val_slot_put(&s, &v);
  foal_val_slot_clear(&s);
  sink_poke(to);
}
