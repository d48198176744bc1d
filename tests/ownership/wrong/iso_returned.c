/* A buffer cannot be a return value: the checker could not follow it.
 *
 * expect clang: iso 'b' is not held on every path
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

static foal_buf *make(void)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return NULL;
  return b;
}

void run(sink_tag to)
{
  foal_buf *b = make();
  if (b != NULL) sink_put(to, &b);
}
