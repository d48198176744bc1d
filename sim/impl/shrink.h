/* shrink.h - looks for a smaller run that fails in the same way. */
#ifndef FOAL_SIM_IMPL_SHRINK_H
#define FOAL_SIM_IMPL_SHRINK_H

#include "child.h"

/* Makes the failed run in the verdict smaller, for at most a minute, and says how far
 * that went. false: it does not fail again alone; the verdict is as it was. */
bool foal__sim_shrink(foal__sim_verdict *verdict);

#endif
