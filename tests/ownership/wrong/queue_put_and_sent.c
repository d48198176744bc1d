/* Queued and sent.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_bufq q = {0};
  foal_bufq_put(&q, &b);
  sink_put(to, &b);
  foal_bufq_clear(&q);
}
