/* alloc.h - seam: memory. Production: alloc_libc.c; a simulator links one that fails on
 * demand. Nothing else in the runtime calls malloc. */
#ifndef FOAL_IMPL_ALLOC_H
#define FOAL_IMPL_ALLOC_H

#include <stddef.h>

/* Memory for any type, not cleared; NULL when there is none. */
void *foal__alloc(size_t size);

/* Memory on a boundary; size is a multiple of align, align a power of two. */
void *foal__alloc_aligned(size_t align, size_t size);

/* Gives either back; NULL is ignored. */
void foal__free(void *p);

#endif
