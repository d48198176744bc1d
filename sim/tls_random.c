/* tls_random.c - what OpenSSL calls random comes from the seed.
 *
 * The one file of sim/ that knows OpenSSL. A replaced RAND_METHOD is asked for every
 * random byte libcrypto and libssl use (RAND_set_rand_method(3); deprecated, but the
 * only way that needs no provider). Nobody may ask before the draws have begun: they
 * begin with each run, and once more, with a fixed seed, before a scenario prepares. So
 * what it makes there, a certificate for all runs, is the same in every process. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "impl/draw.h"
#include "impl/run.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>

static int random_bytes(unsigned char *out, int len)
{
  while (len > 0) {
    uint64_t word = foal__sim_draw64(FOAL__SIM_S_tls);
    size_t n = (size_t)len < sizeof word ? (size_t)len : sizeof word;
    memcpy(out, &word, n);
    out += n;
    len -= (int)n;
  }
  return 1;
}

static int ready(void)
{
  return 1;
}

void foal__sim_tls_begin(void)
{
  static const RAND_METHOD method = {
      .bytes = random_bytes, .pseudorand = random_bytes, .status = ready};
  static bool set;
  /* Otherwise nothing of OpenSSL is freed at the end of a process that used no TLS. */
  if (!set && OPENSSL_init_ssl(0, NULL) != 1) foal__sim_fail("OpenSSL does not start");
  ERR_clear_error(); /* of this thread, which is all threads */
  if (set) return;
  set = true;
  if (RAND_set_rand_method(&method) != 1) foal__sim_fail("OpenSSL refuses a RAND_METHOD");
}
