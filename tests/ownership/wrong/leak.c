/* Nobody gets the buffer and nobody drops it.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (foal_buf_new(&b, 64)) foal_buf_append(b, "x", 1);
  sink_poke(to);
}
