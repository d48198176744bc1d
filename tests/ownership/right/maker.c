/* A maker of the user: it gives true with a buffer or false without one.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

static bool make_greeting(foal_buf **out) FOAL_MAKES(*out);
static bool make_pair(foal_buf **a, foal_buf **b) FOAL_MAKES(*a) FOAL_MAKES(*b);

static bool make_greeting(foal_buf **out)
{
  return foal_buf_from(out, "hello", 5);
}

static bool make_pair(foal_buf **a, foal_buf **b)
{
  if (!make_greeting(a)) return false;
  if (make_greeting(b)) return true;
  foal_buf_drop(a);
  return false;
}

void run(sink_tag to)
{
  foal_buf *a;
  foal_buf *b;
  if (!make_pair(&a, &b)) return;
  sink_put(to, &a);
  sink_put(to, &b);
}
