/* A helper that says FOAL_TAKES takes on every path or it is refused: there is no
 * conditional move.
 *
 * expect clang: iso 'b' is not held on every path */
#include "sink.h"

static bool offer(sink_tag to, foal_buf **b) FOAL_TAKES(*b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  if (!offer(to, &b)) sink_poke(to);
}

static bool offer(sink_tag to, foal_buf **b)
{
  if (sink_coin()) return false;
  sink_put(to, b);
  return true;
}
