/* library.h - which library context of OpenSSL's a handshake uses.
 *
 * A handshake asks its library context for an algorithm some hundred times, each time
 * under a lock of all threads: two workers that shake hands lose a sixth of their time
 * that way (docs/performance.md). So the first thread that comes uses the context of the
 * program, and each further one has its own, for its handshakes and nothing else: what
 * the program does with OpenSSL on that thread never meets it. Contexts, keys and
 * sessions stay what they are; OpenSSL carries a key over once.
 *
 * A program that has changed its library context (another provider than "default", by
 * code or by openssl.cnf, or FIPS) wants that for its handshakes, too: then all threads
 * stay with it. That is looked at with the first handshake of a thread.                */
#ifndef FOAL_SSL_IMPL_LIBRARY_H
#define FOAL_SSL_IMPL_LIBRARY_H

#include <openssl/types.h>

/* Begins what is to run under this thread's library context. What it returns is given to
 * the other, on the same thread. */
OSSL_LIB_CTX *foal__library_enter(void);
void foal__library_leave(OSSL_LIB_CTX *before);

#endif
