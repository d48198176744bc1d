/* Two buffers, and the path on which only one of them exists.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

void run(sink_tag to)
{
  foal_buf *head;
  foal_buf *body;
  if (!foal_buf_new(&head, 64)) return;
  if (!foal_buf_new(&body, 4096)) {
    foal_buf_drop(&head);
    return;
  }
  foal_buf_append(head, foal_buf_data(body), foal_buf_len(body));
  sink_put(to, &head);
  sink_put(to, &body);
}
