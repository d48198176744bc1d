/* Writes into a buffer that belongs to its receiver already: the data race of every
 * actor program without a type system.
 *
 * expect clang: calling function 'foal_buf_append' requires holding iso 'b' */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  sink_put(to, &b);
  foal_buf_append(b, "late", 4);
}
