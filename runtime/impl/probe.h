/* probe.h - seam: places where an observer may look on and a scheduler may step in.
 *
 * Production: nothing, at no cost. A simulator compiles the files of runtime/ with
 * another header in front that takes this one's place, as it does with atomic.h. All
 * arguments may be evaluated more than once or never. */
#ifndef FOAL_IMPL_PROBE_H
#define FOAL_IMPL_PROBE_H

/* The worker is between two turns: nothing of it is running. */
#define foal__probe_idle(w)          ((void)(w))
/* The message is about to be put into the slot; w is NULL on foreign threads. */
#define foal__probe_sent(w, x, m)    ((void)(w), (void)(x), (void)(m))
/* The behaviour is about to run. */
#define foal__probe_run(w, x, m)     ((void)(w), (void)(x), (void)(m))
/* An actor was made, or is about to end. */
#define foal__probe_spawned(w, x)    ((void)(w), (void)(x))
#define foal__probe_ended(w, x, why) ((void)(w), (void)(x), (void)(why))

#endif
