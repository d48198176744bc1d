/* A thread that is no worker holds the program while it sends.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_hold();
  for (int i = 0; i < 100; i++) {
    foal_buf *b;
    if (!foal_buf_new(&b, 32)) break;
    sink_put(to, &b);
  }
  foal_release();
}
