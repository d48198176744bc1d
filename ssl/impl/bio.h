/* bio.h - the one BIO of a session: reads its `in` queue, writes its `out` queue.
 *
 * No memory BIO: ciphertext is read where it was received and written where it will be
 * sent from. Both directions are bounded here, where OpenSSL has to ask: a bound that is
 * passed makes OpenSSL fail, and session->stop says which it was. It never asks for a
 * retry of a write; a read asks for one exactly when `in` is empty.                    */
#ifndef FOAL_SSL_IMPL_BIO_H
#define FOAL_SSL_IMPL_BIO_H

#include "session.h"

#include <openssl/bio.h>

/* Makes the method, once per process. False: out of memory. */
bool foal__bio_ready(void) FOAL_MUST;

/* Makes the BIO; NULL: out of memory. The method must be ready. */
BIO *foal__bio_new(foal_ssl *s);

/* Makes sure that the next write of len bytes goes into one buffer, which takes no more
 * than that or FOAL__SEND_BYTES. False: out of memory. */
bool foal__bio_reserve(foal_ssl *s, size_t len);

#endif
