/* source.c - see source.h. The checks look at the open file, not at the path: links, as
 * certbot makes them, are fine, and nobody can exchange the file in between.           */
#include "source.h"

#include "ctx.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 4 << 20 };

void foal__source_forget(foal__source *from)
{
  OPENSSL_clear_free(from->bytes, from->len);
}

static foal_err check_file(foal_ssl_ctx *ctx, const char *path, const struct stat *st,
                           foal__source_kind kind)
{
  if (!S_ISREG(st->st_mode) || st->st_size > FILE_BYTES_MAX)
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE,
                          "%.160s: not a regular file of at most %d MiB", path,
                          FILE_BYTES_MAX >> 20);
  /* Group-readable is how packages give a service user root's key. */
  mode_t forbidden = st->st_uid == 0 ? 037 : 077;
  if (kind == FOAL__SOURCE_SECRET && (st->st_mode & forbidden) != 0 &&
      (ctx->relax & FOAL_RELAX_KEY_MODE) == 0)
    return foal__ctx_fail(
        ctx, FOAL_KEY_EXPOSED,
        "%.160s has mode %04o, others may read the key; run: chmod 600 %.80s", path,
        (unsigned)st->st_mode & 07777, path);
  return FOAL_OK;
}

static bool read_all(int fd, foal__source *into)
{
  size_t at = 0;
  while (at < into->len) {
    ssize_t n = read(fd, into->bytes + at, into->len - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    at += (size_t)n;
  }
  into->bytes[at] = '\0';
  return at == into->len;
}

foal_err foal__source_read(foal_ssl_ctx *ctx, const char *path, foal__source_kind kind,
                           foal__source *into)
{
  struct stat st;
  *into = (foal__source){path, NULL, 0};
  if (path == NULL || path[0] == '\0')
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE, "no path to a %s file was given",
                          kind == FOAL__SOURCE_SECRET ? "key" : "certificate");
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE, "cannot open %.200s: %s", path,
                          strerror(errno));
  foal_err err = fstat(fd, &st) != 0 ? foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE,
                                                      "%.200s: %s", path, strerror(errno))
                                     : check_file(ctx, path, &st, kind);
  if (err == FOAL_OK) {
    into->len = (size_t)st.st_size;
    into->bytes = OPENSSL_malloc(into->len + 1);
    if (into->bytes == NULL)
      err = foal__ctx_fail(ctx, FOAL_NO_MEMORY, "%.200s", path);
    else if (!read_all(fd, into))
      err = foal__ctx_fail(ctx, FOAL_FILE_UNREADABLE, "%.200s changed while it was read",
                           path);
  }
  (void)close(fd);
  if (err != FOAL_OK && into->bytes != NULL) foal__source_forget(into);
  return err;
}

foal__source foal__source_text(const char *name, const char *text)
{
  union {
    const char *from;
    char *to;
  } bytes = {text == NULL ? "" : text};
  return (foal__source){name, bytes.to, strnlen(bytes.from, FILE_BYTES_MAX)};
}
