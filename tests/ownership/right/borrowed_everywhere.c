/* Borrowing nests: a helper lends on what was lent to it, several at a time.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

static size_t both(const foal_buf *a, const foal_buf *b) FOAL_READS(a) FOAL_READS(b);
static void mix(foal_buf *a, const foal_buf *b) FOAL_USES(a) FOAL_READS(b);

static size_t both(const foal_buf *a, const foal_buf *b)
{
  return foal_buf_len(a) + foal_buf_len(b);
}

static void mix(foal_buf *a, const foal_buf *b)
{
  if (both(a, b) < 100) foal_buf_append(a, foal_buf_data(b), foal_buf_len(b));
}

void run(sink_tag to)
{
  foal_buf *a;
  foal_buf *b;
  if (!sink_make(&a)) return;
  if (sink_make(&b)) {
    mix(a, b);
    foal_buf_drop(&b);
  }
  sink_put(to, &a);
}
