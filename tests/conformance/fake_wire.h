/* fake_wire.h - two connections of one program joined by a wire, and a script by time.
 *
 * Over fake_transport.h, so time is not real and a test of an hour takes no time. A
 * script is a list of moments in milliseconds from its beginning; when the last one has
 * passed, the program runs to its end, and time leaps from timer to timer.             */
#ifndef FAKE_WIRE_H
#define FAKE_WIRE_H

#include "fake_transport.h"
#include "lori_kit.h"

typedef struct moment {
  uint64_t at_ms;
  void (*happens)(void);
} moment;

/* Plays the script and runs to the end. */
void wire_play(const moment *script, unsigned count);
#define WIRE_PLAY(script) wire_play(script, sizeof(script) / sizeof(script)[0])

/* Milliseconds since the script began. */
uint64_t wire_now_ms(void);
/* Whether that is the time, give or take the resolution of timers and of the script. */
bool wire_about(uint64_t now_ms, uint64_t expected_ms);

/* Connects sock 0, the client, and lets the listener accept sock 1 at its other end. What
 * the one writes arrives at the other, the end as well. To be called in a moment. */
void wire_join(void);
/* Carries nothing of what this sock writes until it is called again with false. */
void wire_hold(unsigned from, bool hold);

#endif
