/* entropy_sim.c - the library's randomness, from the seed. */
#include "../runtime/impl/entropy.h"

#include "impl/draw.h"

#include <stdint.h>
#include <string.h>

void foal__entropy(void *bytes, size_t len)
{
  unsigned char *to = bytes;
  while (len > 0) {
    uint64_t word = foal__sim_draw64(FOAL__SIM_S_entropy);
    size_t n = len < sizeof word ? len : sizeof word;
    memcpy(to, &word, n);
    to += n;
    len -= n;
  }
}
