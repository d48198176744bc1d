/* audit_found.c - where an audit has found each slot: a table by address.
 *
 * Addresses only find entries; nothing ever walks the table, so that where memory lies
 * changes nothing. An entry of an earlier pass counts as empty, so a pass begins
 * without clearing. The memory is the simulator's and is kept from run to run. */
#include "impl/audit.h"
#include "impl/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MIN = 1024 };

static struct {
  foal__sim_found *items;
  uint32_t capacity, count, pass;
} table;

static uint32_t begin_at(const foal_actor *x)
{
  uint64_t mixed = ((uint64_t)(uintptr_t)x >> 4) * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(mixed >> 32) & (table.capacity - 1);
}

/* The entry of the slot, or the free one where it belongs. */
static foal__sim_found *spot_of(const foal_actor *x)
{
  uint32_t at = begin_at(x);
  for (;;) {
    foal__sim_found *f = &table.items[at];
    if (f->pass != table.pass || f->slot == x) return f;
    at = (at + 1) & (table.capacity - 1);
  }
}

static void grow(void)
{
  foal__sim_found *old = table.items;
  uint32_t had = table.capacity;
  table.capacity = had > 0 ? had * 2 : ENTRIES_MIN;
  table.items = calloc(table.capacity, sizeof *table.items);
  if (table.items == NULL) abort();
  for (uint32_t i = 0; i < had; i++) {
    if (old[i].pass == table.pass) *spot_of(old[i].slot) = old[i];
  }
  free(old);
}

void foal__sim_found_begin(void)
{
  table.count = 0;
  if (table.capacity == 0 || ++table.pass == 0) {
    table.pass = 1;
    if (table.capacity == 0) {
      grow();
    } else {
      memset(table.items, 0, table.capacity * sizeof *table.items);
    }
  }
}

foal__sim_found *foal__sim_found_make(const foal_actor *x)
{
  if ((table.count + 1) * 2 > table.capacity) grow();
  foal__sim_found *f = spot_of(x);
  if (f->pass == table.pass) return f;
  table.count++;
  *f = (foal__sim_found){.slot = x, .pass = table.pass};
  return f;
}

const foal__sim_found *foal__sim_found_look(const foal_actor *x)
{
  const foal__sim_found *f = spot_of(x);
  return f->pass == table.pass ? f : NULL;
}

const char *foal__sim_slot_name(const foal_actor *x)
{
  static char name[96];
  (void)snprintf(name, sizeof name, "%s '%s' #%u of worker %u",
                 x->type != NULL ? "actor" : "the slot of", /* the last one */
                 x->type != NULL ? x->type->name : "nobody", x->id, x->home);
  return name;
}
