/* entropy.h - seam: randomness. Production: entropy_os.c; a simulator links a seeded
 * one. */
#ifndef FOAL_IMPL_ENTROPY_H
#define FOAL_IMPL_ENTROPY_H

#include <stddef.h>

/* Fills the bytes with randomness fit for seeds. Aborts when the system has none. */
void foal__entropy(void *bytes, size_t len);

#endif
