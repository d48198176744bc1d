/* The first round moves the buffer away, the second has nothing left to send.
 *
 * expect clang: expecting iso 'b' to be held at start of each loop
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  for (int i = 0; i < 3; i++) sink_put(to, &b);
}
