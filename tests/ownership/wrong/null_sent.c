/* There is no empty buffer pointer to be sent.
 *
 * expect clang: releasing iso 'b' that was not held */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *b = NULL;
  sink_put(to, &b);
}
