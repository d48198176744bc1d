/* What is borrowed to be read cannot be sent: the types already say so, on every
 * compiler.
 *
 * expect clang: discards qualifiers in nested pointer types
 * expect clang: iso 'b'
 * expect gcc: incompatible pointer type */
#include "sink.h"

static void peek(sink_tag to, const foal_buf *b) FOAL_READS(b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  peek(to, b);
  foal_buf_drop(&b);
}

static void peek(sink_tag to, const foal_buf *b)
{
  sink_put(to, &b);
}
