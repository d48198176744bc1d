/* A send is a call: its arguments are checked like those of any call.
 *
 * expect clang: passing 'sink_tag'
 * expect gcc: incompatible type for argument 2 */
#include "sink.h"

void run(sink_tag to)
{
  sink_count(to, to);
}
