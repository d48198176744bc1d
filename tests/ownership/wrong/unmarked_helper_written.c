/* A helper that moves its argument without saying so owns nothing that it could move.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

static void hand_over(sink_tag to, foal_buf **b)
{
  sink_put(to, b);
}

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_stamp(b);
  hand_over(to, &b);
  foal_buf_drop(&b);
}
