/* A break leaves the loop with the buffer of that round in hand.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  while (sink_make(&b)) {
    if (sink_coin()) break;
    sink_put(to, &b);
  }
}
