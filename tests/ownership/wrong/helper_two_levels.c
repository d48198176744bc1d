/* The helper of a helper moves the buffer; its caller sends it again.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

static void outer(sink_tag to, foal_buf **b) FOAL_TAKES(*b);
static void inner(sink_tag to, foal_buf **b) FOAL_TAKES(*b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  outer(to, &b);
  sink_put(to, &b);
}

static void outer(sink_tag to, foal_buf **b)
{
  inner(to, b);
}

static void inner(sink_tag to, foal_buf **b)
{
  sink_put(to, b);
}
