/* Helpers that take, use and read, in this file and in another one.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

static void finish(sink_tag to, foal_buf **b) FOAL_TAKES(*b);
static void decorate(foal_buf *b, const char *with) FOAL_USES(b);
static size_t weight(const foal_buf *b) FOAL_READS(b);

static void finish(sink_tag to, foal_buf **b)
{
  decorate(*b, "!");
  if (weight(*b) > 100)
    sink_hand_over(to, b);
  else
    sink_put(to, b);
}

static void decorate(foal_buf *b, const char *with)
{
  foal_buf_append(b, with, 1);
  sink_stamp(b);
}

static size_t weight(const foal_buf *b)
{
  return foal_buf_len(b) + (sink_is_good(b) ? 1 : 0);
}

void run(sink_tag to)
{
  foal_buf *b;
  if (!sink_make(&b)) return;
  decorate(b, "?");
  finish(to, &b);
}
