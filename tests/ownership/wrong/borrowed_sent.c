/* A helper that only borrows sends the buffer away under its owner.
 *
 * expect clang: expecting iso 'b' to be held at the end of function */
#include "sink.h"

static void peek(sink_tag to, foal_buf *b) FOAL_USES(b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  peek(to, b);
  foal_buf_drop(&b);
}

static void peek(sink_tag to, foal_buf *b)
{
  sink_put(to, &b);
}
