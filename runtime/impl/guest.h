/* guest.h - threads that are not workers, while they are inside the library.
 *
 * They may send, release, stop, drop and read counters at any moment, also while the
 * last worker leaves. Each such call is a visit: the end of the runtime waits for
 * those inside, and afterwards nobody gets in. The main thread after foal_run is a
 * guest like any other. */
#ifndef FOAL_IMPL_GUEST_H
#define FOAL_IMPL_GUEST_H

#include <stdbool.h>

/* Begins a visit. false: there is no runtime; nothing of it may be touched. */
bool foal__guest_enter(void);
void foal__guest_leave(void);

/* Opens the door. At the start, when the runtime is complete. */
void foal__guests_admit(void);

/* Closes the door and waits until the last one has left. */
void foal__guests_expel(void);

#endif
