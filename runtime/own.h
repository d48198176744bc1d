/* own.h - Pony's reference capabilities as words a C compiler can check.
 *
 * clang -Wthread-safety proves them; every other compiler sees nothing.
 *   iso   FOAL_ISO on the type     exactly one variable, slot, queue or message owns it
 *   val   FOAL_VAL on the type     immutable and shared; each handle is owned like an iso
 *   ref   FOAL_TURN / FOAL_REF     reachable only while its actor has the turn
 *   tag   a small value            can be sent to, copied, compared; never looked into
 * The limits of the proof and a dictionary of the messages: docs/ownership.md. */
#ifndef FOAL_OWN_H
#define FOAL_OWN_H

#if defined(__clang__)
#  define FOAL_CHECKED(...) __attribute__((__VA_ARGS__))
#else
#  define FOAL_CHECKED(...)
#endif

#define FOAL_MUST   __attribute__((warn_unused_result))
#define FOAL_UNUSED __attribute__((unused))
#ifdef __cplusplus
#  define FOAL_API extern "C" __attribute__((visibility("default")))
#else
#  define FOAL_API __attribute__((visibility("default")))
#endif

#define FOAL_ISO      FOAL_CHECKED(capability("iso"))
#define FOAL_VAL      FOAL_CHECKED(capability("val"))

/* On a parameter: what happens to the thing it points to.
 *   MAKES  *out is yours if the call returns true
 *   GIVES  *out is yours, always
 *   TAKES  moved: NULL on return
 *   USES   borrowed, may write
 *   READS  borrowed, read only */
#define FOAL_MAKES(b) FOAL_CHECKED(try_acquire_capability(true, b)) FOAL_MUST
#define FOAL_GIVES(b) FOAL_CHECKED(acquire_capability(b))
#define FOAL_TAKES(b) FOAL_CHECKED(release_capability(b))
#define FOAL_USES(b)  FOAL_CHECKED(requires_capability(b))
#define FOAL_READS(b) FOAL_CHECKED(requires_shared_capability(b))

/* On a function: where it may run.
 *   TURN   inside a behaviour
 *   LOOP   under a loop callback */
#define FOAL_TURN     FOAL_CHECKED(requires_capability(foal_turn))
#define FOAL_LOOP     FOAL_CHECKED(requires_capability(foal_loop))

/* On a field, value or pointer: reachable only inside a turn. Whoever wants what a
 * pointer leads to must read the pointer first, so guarding the field guards both. */
#define FOAL_REF      FOAL_CHECKED(guarded_by(foal_turn))

/* On a function that implements one of the words above and is believed, not checked. */
#define FOAL_TRUSTED  FOAL_CHECKED(no_thread_safety_analysis)

/* The two roles a thread can be in. They exist for the checker only and are never
 * touched. */
struct FOAL_CHECKED(capability("role")) foal_role {
  char unused;
};
extern struct foal_role foal_turn;
extern struct foal_role foal_loop;

#endif
