/* Blocking work that answers with another buffer exchanges the two.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct loader {
  sink_tag next;
} loader;
FOAL_TAG(loader)
FOAL_ACTOR(loader)
FOAL_WORK(loader, load)
FOAL_BEHAVIOUR_ISO(loader, name)

static void loader_on_name(loader *self, foal_buf **b)
{
  loader_load_start(self, b);
}

static void loader_work_load(foal_buf **b)
{
  foal_buf *content;
  if (!foal_buf_new(&content, 65536)) {
    foal_buf_truncate(*b, 0);
    return;
  }
  sink_stamp(content);
  foal_buf_swap(b, &content);
  foal_buf_drop(&content);
}

static void loader_on_load(loader *self, foal_buf **b)
{
  sink_put(self->next, b);
}
