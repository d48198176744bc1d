/* Whether a member owns a buffer is not known at the start of a function, so it cannot
 * be sent.
 *
 * expect clang: releasing iso 'l->text' that was not held */
#include "sink.h"

static void post(sink_tag to, struct letter *l)
{
  sink_put(to, &l->text);
}

void run(sink_tag to)
{
  struct letter l = {NULL, 1};
  post(to, &l);
}
