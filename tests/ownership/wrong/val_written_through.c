/* What is frozen is immutable: its bytes are const.
 *
 * expect clang: read-only variable is not assignable
 * expect gcc: assignment of read-only location */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_val *v;
  foal_buf_freeze(&b, &v);
  foal_val_data(v)[0] = 'x';
  sink_show(to, &v);
}
