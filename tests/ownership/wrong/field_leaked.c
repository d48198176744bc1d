/* The same through a member: the struct goes out of scope with its buffer.
 *
 * expect clang: iso 'l.text' is not held on every path */
#include "sink.h"

void run(sink_tag to)
{
  struct letter l;
  if (!foal_buf_new(&l.text, 64)) return;
  l.number = 1;
  sink_count(to, l.number);
}
