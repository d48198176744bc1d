/* fault_none.c - production fault points: none fires. */
#include "fault.h"

#include "assert.h"

#include <stddef.h>

bool foal__fault(const char *place)
{
  foal_debug_assert(place != NULL);
  (void)place;
  return false;
}
