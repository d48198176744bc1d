/* The shortest life of a buffer: made, filled, sent; and the other way to end it.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf_append(b, "hello", 5);
  if (sink_is_good(b))
    sink_put(to, &b);
  else
    foal_buf_drop(&b);
}
