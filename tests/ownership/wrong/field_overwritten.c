/* The most common leak of an actor program: a member that owns gets a new buffer.
 *
 * expect clang: acquiring iso 'l.text' that is already held */
#include "sink.h"

void run(sink_tag to)
{
  struct letter l;
  if (!foal_buf_new(&l.text, 64)) return;
  if (!foal_buf_new(&l.text, 128)) {
    foal_buf_drop(&l.text);
    return;
  }
  sink_put(to, &l.text);
}
