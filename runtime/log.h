/* log.h - one line for a human, at a place of the user's choosing. */
#ifndef FOAL_LOG_H
#define FOAL_LOG_H

#include "own.h"

typedef enum foal_log_level {
  FOAL_LOG_ERROR,
  FOAL_LOG_WARNING,
  FOAL_LOG_INFO,
  FOAL_LOG_DEBUG,
} foal_log_level;

/** Writes one line. Never blocks on anything but the sink; cuts at 512 bytes.
 *  level   importance; lines below the threshold cost one comparison
 *  format  printf format, without a newline
 *  runs    anywhere */
FOAL_API void foal_log(foal_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Sets the threshold. Default FOAL_LOG_WARNING.
 *  level   the least important level that is written
 *  runs    before foal_start */
FOAL_API void foal_log_threshold(foal_log_level level);

/** Sets where lines go. Default: standard error, with the level in front.
 *  sink   called with the level and one line without newline, from any worker,
 *         possibly at the same time; borrowed text. NULL: back to the default
 *  runs   before foal_start */
FOAL_API void foal_log_sink(void (*sink)(foal_log_level level, const char *line));

#endif
