/* A buffer loses its front to a new one; two buffers become one.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  foal_buf *front;
  if (!sink_make(&b)) return;
  while (foal_buf_len(b) > 16) {
    if (!foal_buf_split(b, 16, &front)) break;
    sink_put(to, &front);
  }
  foal_buf *rest;
  if (foal_buf_new(&rest, foal_buf_len(b))) {
    size_t moved = foal_buf_append(rest, foal_buf_data(b), foal_buf_len(b));
    foal_buf_consume(b, moved);
    sink_put(to, &rest);
  }
  foal_buf_drop(&b);
}
