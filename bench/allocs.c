/* allocs.c - stands in front of the C library's allocator and counts.
 *
 * The definitions here win over those of the shared C library for the whole process,
 * libuv and OpenSSL included. One relaxed addition per call; programs that do not
 * allocate pay nothing, which is what they are measured for. */
#include "allocs.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Atomic(uint64_t) count;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

uint64_t allocs_count(void)
{
  return atomic_load_explicit(&count, memory_order_relaxed);
}

static void count_one(void)
{
  atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
  count_one();
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
  count_one();
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
  count_one();
  return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
  count_one();
  return __libc_memalign(align, size);
}
