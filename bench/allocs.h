/* allocs.h - counts every allocation of the process, whoever makes it. */
#ifndef ALLOCS_H
#define ALLOCS_H

#include <stdint.h>

/* Calls of malloc, calloc, realloc, aligned_alloc and their kin since the start. */
uint64_t allocs_count(void);

#endif
