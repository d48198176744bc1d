/* A case without break moves the buffer and falls into one that moves it again.
 *
 * expect clang: iso 'b' is not held on every path
 * expect clang: releasing iso 'b' that was not held
 * expect gcc: this statement may fall through
 * expect clang: fall-through */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  switch (foal_buf_len(b)) {
  case 0:
    foal_buf_drop(&b);
  case 1:
    sink_put(to, &b);
    break;
  default:
    foal_buf_drop(&b);
  }
}
