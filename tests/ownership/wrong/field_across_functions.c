/* A helper that says it moves the member of a struct; its caller moves it again.
 *
 * expect clang: releasing iso 'l.text' that was not held */
#include "sink.h"

static void post(sink_tag to, struct letter *l) FOAL_TAKES(l->text);

void run(sink_tag to)
{
  struct letter l;
  if (!foal_buf_new(&l.text, 64)) return;
  post(to, &l);
  sink_put(to, &l.text);
}

static void post(sink_tag to, struct letter *l)
{
  sink_put(to, &l->text);
}
