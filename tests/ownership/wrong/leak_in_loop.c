/* A continue in the middle of a round forgets the buffer of that round.
 *
 * expect clang: expecting iso 'b' to be held at start of each loop */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  while (sink_make(&b)) {
    if (sink_coin()) continue;
    sink_put(to, &b);
  }
}
