/* A helper that says FOAL_TAKES and does not take is refused where it is written, not
 * where it is called.
 *
 * expect clang: iso 'b' is still held at the end of function */
#include "sink.h"

static void hand_over(sink_tag to, foal_buf **b) FOAL_TAKES(*b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  hand_over(to, &b);
}

static void hand_over(sink_tag to, foal_buf **b)
{
  sink_count(to, foal_buf_len(*b));
}
