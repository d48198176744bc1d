/* The same through a member: used after it was sent.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'l.text' */
#include "sink.h"

void run(sink_tag to)
{
  struct letter l;
  if (!foal_buf_new(&l.text, 64)) return;
  sink_put(to, &l.text);
  sink_count(to, foal_buf_len(l.text));
}
