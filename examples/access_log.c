/* access_log.c - a bounded queue in front of one write at a time.
 *
 * What the disk or the reader of the pipe does not take stays in the buffer that comes
 * back from the pool, and counts as lost. */
#include "access_log.h"

#include <errno.h>
#include <unistd.h>

struct access_log {
  foal_bufq waiting;
  bool writing;
  uint64_t dropped;
};

FOAL_ACTOR_WITH_END(access_log)
FOAL_HANDLE_ISO(access_log, lines)
FOAL_WORK(access_log, written)

bool access_log_open(access_log_tag *out)
{
  return access_log_spawn(out);
}

/* On the pool: writes everything; what cannot be written stays in the buffer. */
static void access_log_work_written(foal_buf **b)
{
  while (foal_buf_len(*b) > 0) {
    ssize_t n = write(STDOUT_FILENO, foal_buf_data(*b), foal_buf_len(*b));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    foal_buf_consume(*b, (size_t)n);
  }
}

FOAL_TURN static void write_next(access_log *self)
{
  foal_buf *lines;
  if (self->writing || !foal_bufq_take(&self->waiting, &lines)) return;
  self->writing = true;
  access_log_written_start(self, &lines);
}

static void access_log_on_lines(access_log *self, foal_buf **b)
{
  if (foal_bufq_bytes(&self->waiting) + foal_buf_len(*b) > ACCESS_LOG_BYTES_MAX) {
    self->dropped++;
    foal_buf_drop(b);
    return;
  }
  foal_bufq_put(&self->waiting, b);
  write_next(self);
}

static void access_log_on_written(access_log *self, foal_buf **b)
{
  self->writing = false;
  if (foal_buf_len(*b) > 0) self->dropped++;
  foal_buf_drop(b);
  if (self->dropped > 0 && foal_bufq_count(&self->waiting) == 0) {
    foal_log(FOAL_LOG_WARNING, "access log: %llu blocks of lines could not be written",
             (unsigned long long)self->dropped);
    self->dropped = 0;
  }
  write_next(self);
}

static void access_log_on_end(access_log *self)
{
  foal_bufq_clear(&self->waiting);
}
