/* Many buffers of one actor: an array of slots, never an array of buffers.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

enum { TABLE_SLOTS = 8 };
typedef struct table {
  foal_slot place[TABLE_SLOTS];
} table;
FOAL_TAG(table)
FOAL_ACTOR_WITH_END(table)
FOAL_BEHAVIOUR_ISO1(table, store, uint32_t, index)
FOAL_BEHAVIOUR2(table, fetch, uint32_t, index, sink_tag, to)

static void table_on_store(table *self, foal_buf **b, uint32_t index)
{
  foal_slot_put(&self->place[index % TABLE_SLOTS], b);
}

static void table_on_fetch(table *self, uint32_t index, sink_tag to)
{
  foal_buf *b;
  if (foal_slot_take(&self->place[index % TABLE_SLOTS], &b)) sink_put(to, &b);
}

static void table_on_end(table *self)
{
  for (uint32_t i = 0; i < TABLE_SLOTS; i++) foal_slot_clear(&self->place[i]);
}
