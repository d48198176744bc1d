/* A function that says nothing about ownership takes nothing: handing a buffer to it is
 * a leak.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_unmarked(&b);
  sink_poke(to);
}
