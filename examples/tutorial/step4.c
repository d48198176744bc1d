/* step4.c - a chat server over plain TCP.
 *
 *    step4 PORT                  0 as PORT takes any free one
 *
 * Each connection is an actor, a member; hall.c is the actor that knows them all. A
 * member's first line is his name; every further line is said to all. Who reads too
 * slowly misses lines, and is told how many: nobody waits for him, nothing piles up. */
#include "hall.h"

#include <stdio.h>

static hall_tag the_hall; /* set before foal_run */

typedef struct member {
  foal_conn *conn FOAL_REF;
  uint32_t missed, len;
  char name[NAME_BYTES], line[LINE_BYTES_MAX];
} member;
FOAL_PROTOCOL(member)
FOAL_HANDLE_VAL(member, hear)

static void member_on_opened(member *self, foal_conn *conn)
{
  self->conn = conn;
}

static void tell(member *self, const void *text, size_t len) FOAL_TURN;
static void tell(member *self, const void *text, size_t len)
{
  foal_buf *b;
  if (foal_buf_from(&b, text, len)) {
    foal_conn_write(self->conn, &b);
  } else {
    foal_conn_abort(self->conn, FOAL_NO_MEMORY); /* better gone than with a gap */
  }
}

static void line_said(member *self) FOAL_TURN;
static void line_said(member *self)
{
  if (self->len == 0) return;
  if (self->name[0] == '\0') {
    snprintf(self->name, sizeof self->name, "%.*s", (int)self->len, self->line);
    hall_join(the_hall, member_self(self));
  } else {
    hall_say_line(the_hall, self->name, self->line, self->len);
  }
}

static void member_on_received(member *self, foal_buf **data)
{
  const uint8_t *bytes = foal_buf_data(*data);
  for (size_t i = 0; i < foal_buf_len(*data); i++) {
    if (bytes[i] == '\n') {
      line_said(self);
      self->len = 0;
    } else if (self->len == LINE_BYTES_MAX) {
      foal_conn_abort(self->conn, FOAL_LIMIT); /* nobody fills our memory */
      break;
    } else if (bytes[i] >= ' ') { /* nor controls the others' terminals */
      self->line[self->len++] = (char)bytes[i];
    }
  }
  foal_buf_drop(data);
}

static void member_on_hear(member *self, foal_val **line)
{
  if (foal_conn_room(self->conn) > 0) {
    tell(self, foal_val_data(*line), foal_val_len(*line));
  } else {
    self->missed++; /* `sendable` will follow */
  }
  foal_val_drop(line);
}

static void member_on_sendable(member *self, size_t room_bytes)
{
  char text[64];
  if (self->missed == 0 || room_bytes == 0) return;
  int len = snprintf(text, sizeof text, "(you missed %u lines)\n", self->missed);
  self->missed = 0;
  tell(self, text, (size_t)len);
}

static void member_on_ended(member *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn); /* what was written still goes out */
}

static void member_on_closed(member *self, foal_err why)
{
  (void)self, (void)why; /* the hall watches: there is nobody to tell */
}

int main(int argc, char **argv)
{
  foal_listen_options where = {.connections_max = MEMBERS_MAX};
  foal_listener listener;
  if (argc != 2 || !foal_port_from(argv[1], &where.port)) {
    fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 2;
  }
  if (foal_start(NULL) != FOAL_OK || !hall_open(&the_hall)) return 1;
  if (member_listen(&where, &listener) != FOAL_OK) return 1; /* the log says why */
  printf("listening on port %u\n", listener.port);
  fflush(stdout);
  return foal_run();
}
