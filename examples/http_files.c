/* http_files.c - from the path of a request to an open file.
 *
 * The path is decoded once, judged once, and then only used relative to the root. What is
 * not a regular file (or the index.html of a directory) is not there. */
#include "http_files.h"

#include "http_chars.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const media_types[][2] = {
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
};

const char *http_media_type(const char *name)
{
  const char *slash = strrchr(name, '/');
  const char *dot = strrchr(slash ? slash : name, '.');
  http_text ending = {dot ? dot + 1 : name, dot ? strlen(dot + 1) : 0};
  for (size_t i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
    if (http_text_is(ending, media_types[i][0])) return media_types[i][1];
  return "application/octet-stream";
}

/* One byte of the path, decoded; -1 for what no file name can hold. */
static int decoded_byte(http_text path, size_t *at)
{
  char c = path.at[(*at)++];
  if (c != '%') return c;
  if (path.len - *at < 2) return -1;
  int high = http_hex_digit(path.at[*at]), low = http_hex_digit(path.at[*at + 1]);
  *at += 2;
  int byte = high < 0 || low < 0 ? 0 : high * 16 + low;
  return byte == 0 || byte == '/' ? -1 : byte;
}

static bool segment_is_served(const char *segment)
{
  static const char known[] = ".well-known";
  if (segment[0] != '.') return true;
  size_t len = sizeof(known) - 1;
  return strncmp(segment, known, len) == 0 &&
         (segment[len] == '/' || segment[len] == '\0');
}

/* No empty, no hidden and no dot segments; the last one may be empty. */
static bool segments_are_served(const char *path)
{
  for (const char *segment = path; *segment != '\0';) {
    if (*segment == '/' || !segment_is_served(segment)) return false;
    const char *slash = strchr(segment, '/');
    if (slash == NULL) break;
    segment = slash + 1;
  }
  return true;
}

bool http_path_decode(http_text path, char *out, size_t size)
{
  const char *query = path.len ? memchr(path.at, '?', path.len) : NULL;
  if (query) path.len = (size_t)(query - path.at);
  size_t len = 0;
  for (size_t at = path.len > 0 && path.at[0] == '/' ? 1 : 0; at < path.len;) {
    int byte = decoded_byte(path, &at);
    if (byte == -1 || len + 1 == size) return false;
    out[len++] = (char)byte;
  }
  out[len] = '\0';
  if (!segments_are_served(out)) return false;
  if (len == 0) {
    if (size < 2) return false;
    memcpy(out, ".", 2);
  }
  return true;
}

int http_root_open(const char *path)
{
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

/* For kernels without openat2: no symbolic link at all. path is taken apart. */
static int open_by_steps(int root, char *path)
{
  int at = dup(root);
  while (at >= 0) {
    char *slash = strchr(path, '/');
    bool last = slash == NULL || slash[1] == '\0';
    if (slash) *slash = '\0';
    int flags = OPEN_FLAGS | O_NOFOLLOW | (last && !slash ? 0 : O_DIRECTORY);
    int next = openat(at, path, flags);
    int error = errno;
    close(at);
    errno = error;
    if (last) return next;
    at = next;
    path = slash + 1;
  }
  return -1;
}

#if defined(__has_feature)
#  define UNDER_TSAN __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#  define UNDER_TSAN 1
#else
#  define UNDER_TSAN 0
#endif

/* ThreadSanitizer knows descriptors by the calls it sees, and openat2 has none in libc:
 * it would take the descriptor for an earlier one with the same number. So it is opened
 * again. */
static int seen_by_tsan(int fd)
{
  char self[32];
  snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
  int seen = open(self, OPEN_FLAGS);
  int error = errno;
  syscall(SYS_close, fd);
  errno = error;
  return seen;
}

static int open_beneath(int root, char *path)
{
  struct open_how how = {.flags = OPEN_FLAGS,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  for (int tries = 0; tries < 4; tries++) {
    long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd >= 0) return UNDER_TSAN ? seen_by_tsan((int)fd) : (int)fd;
    if (errno == ENOSYS) return open_by_steps(root, path);
    if (errno != EAGAIN && errno != EINTR) return -1;
  }
  return -1;
}

static unsigned status_of_errno(int error)
{
  switch (error) {
  case EACCES:
  case EPERM:
    return 403;
  case EMFILE:
  case ENFILE:
  case ENOMEM:
  case EAGAIN:
    return 503;
  case EIO:
    return 500;
  default:
    return 404;
  }
}

static void describe(http_file *file, const struct stat *st, const char *name)
{
  http_entity *e = &file->entity;
  e->size = (uint64_t)st->st_size;
  e->modified_s = st->st_mtim.tv_sec;
  snprintf(e->etag, sizeof(e->etag), "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
           (unsigned long long)e->size,
           (unsigned long long)st->st_mtim.tv_sec * 1000000000u +
               (unsigned long long)st->st_mtim.tv_nsec);
  file->type = http_media_type(name);
}

static unsigned open_path(int root, char *path, http_file *file, struct stat *st)
{
  char name[HTTP_PATH_BYTES_MAX + 1];
  snprintf(name, sizeof(name), "%s", path);
  file->fd = open_beneath(root, name);
  if (file->fd < 0) return status_of_errno(errno);
  if (fstat(file->fd, st) != 0) {
    http_file_close(file);
    return 500;
  }
  return 200;
}

unsigned http_file_open(int root, http_text path, http_file *file)
{
  char name[HTTP_PATH_BYTES_MAX + 1];
  struct stat st;
  file->fd = -1;
  if (root < 0 || !http_path_decode(path, name, sizeof(name) - sizeof("/index.html")))
    return 404;
  unsigned status = open_path(root, name, file, &st);
  if (status == 200 && S_ISDIR(st.st_mode)) {
    http_file_close(file);
    size_t len = strlen(name);
    bool root_itself = strcmp(name, ".") == 0;
    if (!root_itself && name[len - 1] != '/') return 301;
    memcpy(name + (root_itself ? 0 : len), "index.html", sizeof("index.html"));
    status = open_path(root, name, file, &st);
  }
  if (status != 200) return status;
  if (!S_ISREG(st.st_mode)) {
    http_file_close(file);
    return 404;
  }
  describe(file, &st, name);
  return 200;
}

void http_file_close(http_file *file)
{
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}
