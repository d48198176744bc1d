/* A buffer is frozen and every receiver gets a handle on the same bytes.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  foal_val *v;
  if (!foal_buf_from(&b, "news", 4)) return;
  foal_buf_freeze(&b, &v);
  for (int i = 0; i < 10; i++) {
    foal_val *copy;
    foal_val_share(v, &copy);
    sink_show(to, &copy);
  }
  sink_count(to, foal_val_len(v) + foal_val_data(v)[0]);
  foal_val_drop(&v);
}
