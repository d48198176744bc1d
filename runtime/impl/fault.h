/* fault.h - seam: named places where a simulator may make something go wrong.
 * Production: fault_none.c, nothing ever does. Only on paths that are slow anyway. */
#ifndef FOAL_IMPL_FAULT_H
#define FOAL_IMPL_FAULT_H

#include <stdbool.h>

/* Whether the fault at this place happens now. */
bool foal__fault(const char *place);

#endif
