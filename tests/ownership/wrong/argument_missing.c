/* A send is a call: its arguments are counted.
 *
 * expect clang: too few arguments
 * expect gcc: too few arguments */
#include "sink.h"

void run(sink_tag to)
{
  sink_count(to);
}
