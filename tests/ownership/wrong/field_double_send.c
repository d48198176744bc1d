/* The same through a member: sent twice.
 *
 * expect clang: releasing iso 'l.text' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  struct letter l;
  if (!foal_buf_new(&l.text, 64)) return;
  sink_put(to, &l.text);
  sink_put(to, &l.text);
}
