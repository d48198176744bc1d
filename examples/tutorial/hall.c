/* hall.c - see hall.h.
 *
 * The hall watches its members: when one has ended, for whatever reason, it is told. So
 * there is no message "leave" that could be forgotten, or come before its "join". */
#include "hall.h"

#include <stdio.h>

typedef struct hall {
  member_tag member[MEMBERS_MAX];
  uint32_t members;
} hall;
FOAL_ACTOR(hall)
FOAL_HANDLE1(hall, join, member_tag, who)
FOAL_HANDLE_VAL(hall, say)
FOAL_DOWN(hall)

static void hall_on_join(hall *self, member_tag who)
{
  if (self->members == MEMBERS_MAX) {
    foal_actor_tell_end(who.any, FOAL_FULL);
    return;
  }
  self->member[self->members++] = who;
  hall_watch(self, who.any);
}

static void hall_on_say(hall *self, foal_val **line)
{
  for (uint32_t i = 0; i < self->members; i++) {
    foal_val *copy;
    foal_val_share(*line, &copy); /* one more handle; the bytes stay where they are */
    member_hear(self->member[i], &copy);
  }
  foal_val_drop(line);
}

static void hall_on_down(hall *self, foal_tag who, foal_err why)
{
  (void)why;
  for (uint32_t i = 0; i < self->members; i++) {
    if (!foal_tag_equal(self->member[i].any, who)) continue;
    self->member[i] = self->member[--self->members];
    return;
  }
}

bool hall_open(hall_tag *out)
{
  return hall_spawn(out);
}

void hall_say_line(hall_tag where, const char *name, const char *text, size_t len)
{
  char line[NAME_BYTES + LINE_BYTES_MAX + 4];
  foal_buf *b;
  foal_val *v;
  int bytes = snprintf(line, sizeof line, "%s: %.*s\n", name, (int)len, text);
  if (!foal_buf_from(&b, line, (size_t)bytes)) return;
  foal_buf_freeze(&b, &v); /* from here on nobody writes, everybody may read */
  hall_say(where, &v);
}
