/* A switch in which every case ends the buffer.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!sink_make(&b)) return;
  switch (foal_buf_len(b)) {
  case 0:
    foal_buf_drop(&b);
    break;
  case 1:
  case 2:
    sink_stamp(b);
    sink_put(to, &b);
    break;
  default:
    sink_hand_over(to, &b);
    break;
  }
}
