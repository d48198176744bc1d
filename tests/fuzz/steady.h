/* steady.h - the same randomness and the same time in every run, so that an input means
 * the same keys, certificates and records wherever it is replayed.
 *
 * Linking steady.c replaces time(2) for the program and for OpenSSL.                   */
#ifndef FOAL_TESTS_FUZZ_STEADY_H
#define FOAL_TESTS_FUZZ_STEADY_H

#include <stdint.h>

/* Lets OpenSSL's randomness begin again from the seed. */
void steady_begin(uint64_t seed);

#endif
