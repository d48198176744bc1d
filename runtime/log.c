/* log.c - one line for a human. The sink and the threshold are set before the workers
 * start and only read afterwards; a line is written with one call, so lines never mix. */
#include "log.h"

#include "impl/assert.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 512 };

static foal_log_level threshold = FOAL_LOG_WARNING;
static void (*sink)(foal_log_level level, const char *line);

static void to_stderr(foal_log_level level, const char *line)
{
  static const char *const words[] = {"error", "warning", "info", "debug"};
  char text[LINE_BYTES + 32];
  int len = snprintf(text, sizeof text, "foal: %s: %s\n", words[level], line);
  foal_assert(len > 0 && (size_t)len < sizeof text);
  /* A full pipe or disk loses the line, never the program: a pipe that is writable takes
   * a line as a whole. */
  struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
  ssize_t written = write(STDERR_FILENO, text, (size_t)len);
  (void)written;
}

void foal_log(foal_log_level level, const char *format, ...)
{
  if (level > threshold) return;
  char line[LINE_BYTES];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (len < 0) return;
  for (char *c = line; *c != '\0'; c++) {
    /* Text of a peer may be in it: it must not forge lines or drive a terminal. */
    if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
  }
  (sink != NULL ? sink : to_stderr)(level, line);
}

void foal_log_threshold(foal_log_level level)
{
  foal_assert(level <= FOAL_LOG_DEBUG);
  threshold = level;
}

void foal_log_sink(void (*new_sink)(foal_log_level level, const char *line))
{
  sink = new_sink;
}
