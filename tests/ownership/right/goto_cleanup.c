/* One way out for all errors, reached with the same buffers in hand from everywhere.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!sink_make(&b)) return;
  if (!sink_is_good(b)) goto bad;
  sink_stamp(b);
  if (foal_buf_len(b) == 0) goto bad;
  sink_put(to, &b);
  return;
bad:
  foal_buf_drop(&b);
  sink_poke(to);
}
