/* fault_sim.c - named places in the library where something goes wrong now and then. All
 * of them stand for a shortage, so they happen only in runs that bear one. */
#include "../runtime/impl/fault.h"

#include "impl/draw.h"
#include "sim.h"

bool foal__fault(const char *place)
{
  if (!foal__sim_on(FOAL__SIM_W_memory) || !foal_sim_chance(place)) return false;
  foal__sim_note_fired(FOAL__SIM_W_memory);
  return true;
}
