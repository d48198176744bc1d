/* A helper of this file moves the buffer; its caller goes on using it.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'b' */
#include "sink.h"

static void hand_over(sink_tag to, foal_buf **b) FOAL_TAKES(*b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  hand_over(to, &b);
  sink_count(to, foal_buf_len(b));
}

static void hand_over(sink_tag to, foal_buf **b)
{
  foal_buf_append(*b, "!", 1);
  sink_put(to, b);
}
