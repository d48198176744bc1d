/* A larger buffer takes the place of a borrowed one: exchange, then drop the old one.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

static bool reserve(foal_buf **b, size_t room) FOAL_USES(*b);

static bool reserve(foal_buf **b, size_t room)
{
  foal_buf *larger;
  if (foal_buf_room(*b) >= room) return true;
  if (!foal_buf_new(&larger, foal_buf_len(*b) + room)) return false;
  foal_buf_append(larger, foal_buf_data(*b), foal_buf_len(*b));
  foal_buf_swap(b, &larger);
  foal_buf_drop(&larger);
  return true;
}

void run(sink_tag to)
{
  foal_buf *b;
  if (!sink_make(&b)) return;
  if (reserve(&b, 1000)) sink_stamp(b);
  sink_put(to, &b);
}
