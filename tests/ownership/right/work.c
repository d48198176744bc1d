/* Blocking work gets one buffer, changes it and answers with it.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

typedef struct digester {
  sink_tag next;
} digester;
FOAL_TAG(digester)
FOAL_ACTOR(digester)
FOAL_WORK(digester, digest)
FOAL_BEHAVIOUR_ISO(digester, job)

static void digester_on_job(digester *self, foal_buf **b)
{
  digester_digest_start(self, b);
}

static void digester_work_digest(foal_buf **b)
{
  uint8_t sum = 0;
  for (size_t i = 0; i < foal_buf_len(*b); i++) sum ^= foal_buf_data(*b)[i];
  foal_buf_truncate(*b, 0);
  foal_buf_append(*b, &sum, 1);
}

static void digester_on_digest(digester *self, foal_buf **b)
{
  sink_put(self->next, b);
}
