/* steady.c - see steady.h. */
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "steady.h"

#include <openssl/rand.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

enum { NOW_S = 1800000000 };

static uint64_t state;

/* splitmix64 */
static uint64_t next(void)
{
  uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static int fill(unsigned char *out, int len)
{
  for (int i = 0; i < len; i++) out[i] = (unsigned char)next();
  return 1;
}

static int ready(void)
{
  return 1;
}

void steady_begin(uint64_t seed)
{
  static const RAND_METHOD method = {NULL, fill, NULL, NULL, fill, ready};
  state = seed;
  if (RAND_get_rand_method() != &method && RAND_set_rand_method(&method) != 1) abort();
}

/* Visible, so that OpenSSL finds this one. */
__attribute__((visibility("default"))) time_t time(time_t *out)
{
  if (out != NULL) *out = NOW_S;
  return NOW_S;
}
