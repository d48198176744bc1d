/* A buffer for a password: marked, used, dropped.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  foal_buf_mark_secret(b);
  uint8_t *tail = foal_buf_tail(b);
  for (size_t i = 0; i < 8; i++) tail[i] = (uint8_t)i;
  foal_buf_extend(b, 8);
  foal_buf_bytes(b)[0] = 0xff;
  if (sink_is_good(b)) sink_poke(to);
  foal_buf_drop(&b);
}
