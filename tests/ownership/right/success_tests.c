/* Every way to ask for success that the checker understands.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b;
  if (foal_buf_new(&b, 1)) sink_put(to, &b);
  if (foal_buf_new(&b, 1) == true) sink_put(to, &b);
  if (foal_buf_new(&b, 1) != false) sink_put(to, &b);
  bool made = foal_buf_new(&b, 1);
  if (made) sink_put(to, &b);
  bool again = foal_buf_new(&b, 1);
  if (!again) return;
  sink_put(to, &b);
  if (sink_coin() && foal_buf_new(&b, 1)) sink_put(to, &b);
  if (sink_coin() || !foal_buf_new(&b, 1)) return;
  sink_put(to, &b);
}
