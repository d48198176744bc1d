/* entropy_os.c - production randomness: getrandom(2). */
#include "entropy.h"

#include "assert.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

void foal__entropy(void *bytes, size_t len)
{
  uint8_t *at = bytes;
  foal_assert(bytes != NULL || len == 0);
  while (len > 0) {
    ssize_t got = getrandom(at, len, 0);
    if (got < 0 && errno == EINTR) continue;
    foal_assert(got > 0);
    at += got;
    len -= (size_t)got;
  }
}
