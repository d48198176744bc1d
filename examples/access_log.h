/* access_log.h - one actor that writes the access log, so that nobody waits for the disk.
 *
 * Connections send it buffers of complete lines. It writes them, one buffer at a time,
 * on the blocking pool; what would wait beyond ACCESS_LOG_BYTES_MAX is dropped and
 * counted, and the count is reported when there is room again. */
#ifndef ACCESS_LOG_H
#define ACCESS_LOG_H

#include <foal.h>

enum { ACCESS_LOG_BYTES_MAX = 1 << 20 };

typedef struct access_log access_log;
FOAL_TAG(access_log)
FOAL_SEND_ISO(access_log, lines)

/** Makes the actor; it writes to standard output.
 *  out    out
 *  runs   between foal_start and foal_run, or on any turn
 *  fails  false: out of memory */
bool access_log_open(access_log_tag *out) FOAL_MUST;

#endif
