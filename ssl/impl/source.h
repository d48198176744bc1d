/* source.h - bytes that a setter of a context was given: a file, read whole, or a text.
 *
 * What came from a file is owned, may be a secret, and is wiped when it is forgotten.
 * Used in one call of a setter, by the thread that makes it.                           */
#ifndef FOAL_SSL_IMPL_SOURCE_H
#define FOAL_SSL_IMPL_SOURCE_H

#include "../ctx.h"

/* What a file holds; a secret must not be readable by others. */
typedef enum foal__source_kind {
  FOAL__SOURCE_OPEN,
  FOAL__SOURCE_SECRET
} foal__source_kind;

/* Bytes in memory and what to call them in messages. */
typedef struct foal__source {
  const char *name;
  char *bytes; /* owned when it came from a file; a NUL stands behind them */
  size_t len;
} foal__source;

/* Reads a regular file of at most 4 MiB. On failure there is nothing to forget. */
foal_err foal__source_read(foal_ssl_ctx *ctx, const char *path, foal__source_kind kind,
                           foal__source *into) FOAL_MUST;

/* A text of the caller's, NULL being an empty one. Never to be forgotten. */
foal__source foal__source_text(const char *name, const char *text);

/* Wipes and frees what was read. */
void foal__source_forget(foal__source *from);

#endif
