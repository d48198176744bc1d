/* The cleanup label is reached with the buffer still in hand.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (sink_coin()) goto out;
  sink_put(to, &b);
out:
  sink_poke(to);
}
