/* Making and moving in one round of a loop, with continue and break on the way.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  while (sink_make(&b)) {
    if (foal_buf_len(b) == 0) {
      foal_buf_drop(&b);
      continue;
    }
    if (!sink_is_good(b)) {
      foal_buf_drop(&b);
      break;
    }
    sink_put(to, &b);
  }
  for (int i = 0; i < 10; i++) {
    if (!foal_buf_new(&b, 16)) return;
    foal_buf_append(b, "x", 1);
    sink_put(to, &b);
  }
  for (;;) {
    if (!sink_make(&b)) break;
    sink_put(to, &b);
  }
}
