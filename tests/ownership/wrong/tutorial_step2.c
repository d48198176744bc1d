/* The mistake of docs/tutorial.md, step 2: a buffer is looked at after it was sent.
 *
 * expect clang: calling function 'foal_buf_len' requires holding iso 'line' */
#include <foal.h>

FOAL_TAG(shouter)
FOAL_SEND_ISO(shouter, shout)

size_t greet(shouter_tag first);

size_t greet(shouter_tag first)
{
  foal_buf *line;
  if (!foal_buf_from(&line, "hello", 5)) return 0;
  shouter_shout(first, &line);
  return foal_buf_len(line); /* refused: line was sent */
}
