/* Each way out has its own end for the buffer.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!sink_make(&b)) return;
  if (foal_buf_len(b) == 0) {
    foal_buf_drop(&b);
    return;
  }
  if (!sink_is_good(b)) {
    sink_reply(to, &b, to.any);
    return;
  }
  sink_stamp(b);
  sink_put(to, &b);
}
