/* http_files.h - static files below one folder, and nothing outside it.
 *
 * The kernel keeps the walk inside the root (openat2 with RESOLVE_BENEATH), whatever the
 * path or a symbolic link says; without openat2 every component is opened with
 * O_NOFOLLOW. Names that begin with a dot are not served, .well-known excepted.
 * Directories answer with their index.html. Opening happens in the caller's thread. */
#ifndef HTTP_FILES_H
#define HTTP_FILES_H

#include "http_cond.h"

enum { HTTP_PATH_BYTES_MAX = 4095 };

typedef struct http_file {
  int fd;           /* owned; -1: none */
  const char *type; /* media type, constant */
  http_entity entity;
} http_file;

/** Decodes the path of a request target and makes it relative to the root.
 *  path    borrowed; begins with "/" or is empty; a query is left out
 *  out     out, NUL-ended, without leading slash, "." for the root itself
 *  size    bytes of room in out
 *  returns false: no file can have that path
 *  runs    anywhere */
bool http_path_decode(http_text path, char *out, size_t size);

/** Opens a folder to be served.
 *  path    borrowed, NUL-ended
 *  returns a descriptor, owned; -1: see errno
 *  runs    anywhere */
int http_root_open(const char *path);

/** Opens the file of a path.
 *  root    descriptor of the folder; -1: none, everything is 404
 *  path    borrowed; as in http_path_decode
 *  file    out; to be closed with http_file_close if the answer is 200
 *  returns 200; 301: it is a directory, add a slash; 403, 404, 500 or 503 (too many open
 *          files)
 *  runs    anywhere; may block for a moment on a cold disk */
unsigned http_file_open(int root, http_text path, http_file *file);

/** Closes it.
 *  file    borrowed; fd is -1 afterwards
 *  runs    anywhere */
void http_file_close(http_file *file);

/** The media type for a file name.
 *  name    borrowed, NUL-ended
 *  returns a constant; application/octet-stream when the ending is unknown
 *  runs    anywhere */
const char *http_media_type(const char *name);

#endif
