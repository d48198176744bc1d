/* A loop that takes buffers out of a queue and forgets them.
 *
 * expect clang: expecting iso 'b' to be held at start of each loop */
#include "sink.h"

void run(sink_tag to)
{
  foal_bufq q = {0};
  foal_buf *b;
  while (foal_bufq_take(&q, &b)) sink_count(to, foal_buf_len(b));
}
