/* One buffer is used in a loop and moved behind it.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 4096)) return;
  for (int i = 0; i < 10 && foal_buf_room(b) > 0; i++) sink_stamp(b);
  do {
    foal_buf_consume(b, 1);
  } while (foal_buf_len(b) > 100);
  sink_put(to, &b);
}
