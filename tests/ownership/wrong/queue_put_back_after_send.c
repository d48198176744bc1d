/* Put back to the front after it was sent.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_bufq q = {0};
  foal_buf *b;
  while (foal_bufq_take(&q, &b)) {
    sink_put(to, &b);
    foal_bufq_put_back(&q, &b);
  }
}
