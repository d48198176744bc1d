/* pony.h - the signature of a run: a number made of what happened, in its order.
 *
 * The scenarios pony_... are our form of the programs with which Pony shows that one seed
 * gives one run. Whoever runs one twice compares the signatures afterwards. */
#ifndef FOAL_TESTS_SIM_PONY_H
#define FOAL_TESTS_SIM_PONY_H

#include <stdint.h>

/* Begins with nothing; in `start`. */
void pony_unsigned(void);
/* Something happened now: two numbers that say what. */
void pony_sign(uint64_t what, uint64_t who);
/* Of the last run. */
uint64_t pony_signature(void);

#endif
