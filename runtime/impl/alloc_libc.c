/* alloc_libc.c - production memory: the C library's. */
#include "alloc.h"

#include "assert.h"

#include <stdlib.h>

void *foal__alloc(size_t size)
{
  foal_assert(size > 0);
  return malloc(size);
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  foal_assert(align > 0 && (align & (align - 1)) == 0);
  foal_assert(size > 0 && size % align == 0);
  return aligned_alloc(align, size);
}

void foal__free(void *p)
{
  free(p);
}
