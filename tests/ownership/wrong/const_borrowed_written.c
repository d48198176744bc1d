/* What is borrowed to be read cannot be written.
 *
 * expect clang: discards qualifiers
 * expect clang: 'foal_buf_append' requires holding iso 'b' exclusively
 * expect gcc: discards .const. qualifier */
#include "sink.h"

static void peek(const foal_buf *b) FOAL_READS(b);

void run(sink_tag to)
{
  foal_buf *b;
  if (!foal_buf_new(&b, 64)) return;
  peek(b);
  sink_put(to, &b);
}

static void peek(const foal_buf *b)
{
  foal_buf_append(b, "!", 1);
}
