/* chat.c - see chat.h.
 *
 * Who comes asks `names` for his name; `names` tells the room. Who leaves takes the same
 * way, so that his leaving cannot come to the room before his coming: messages from one
 * actor to another arrive in order, but a short way overtakes a long one. chat_sim.c
 * shows what happens when leaving goes straight to the room. */
#include "chat.h"

#include <stdio.h>
#include <string.h>

typedef struct chat_name {
  char text[24];
} chat_name;

FOAL_TAG(visitor)

/* ---- the room: says every line to all members ---- */

typedef struct room {
  visitor_tag member[CHAT_MEMBERS_MAX];
  uint32_t members;
} room;
FOAL_TAG(room)
FOAL_ACTOR_WITH_END(room)
FOAL_BEHAVIOUR1(room, join, visitor_tag, who)
FOAL_BEHAVIOUR1(room, leave, visitor_tag, who)
FOAL_BEHAVIOUR_VAL(room, say)
FOAL_SEND_VAL(visitor, hear)
FOAL_SEND1(visitor, answer, bool, welcome)

static uint32_t left_behind;

static void room_on_join(room *self, visitor_tag who)
{
  bool welcome = self->members < CHAT_MEMBERS_MAX;
  if (welcome) self->member[self->members++] = who;
  visitor_answer(who, welcome);
}

static void room_on_leave(room *self, visitor_tag who)
{
  for (uint32_t i = 0; i < self->members; i++) {
    if (!foal_tag_equal(self->member[i].any, who.any)) continue;
    self->member[i] = self->member[--self->members];
    return;
  }
}

static void room_on_say(room *self, foal_val **line)
{
  for (uint32_t i = 0; i < self->members; i++) {
    foal_val *copy;
    foal_val_share(*line, &copy);
    visitor_hear(self->member[i], &copy);
  }
  foal_val_drop(line);
}

static void room_on_end(room *self)
{
  left_behind = self->members;
}

/* ---- names: one visitor each ---- */

typedef struct names {
  struct {
    chat_name name;
    visitor_tag owner;
  } taken[CHAT_MEMBERS_MAX];
  uint32_t count;
  room_tag room;
  bool hasty;
} names;
FOAL_TAG(names)
FOAL_ACTOR(names)
FOAL_BEHAVIOUR2(names, open, room_tag, where, bool, hasty)
FOAL_BEHAVIOUR2(names, take, chat_name, name, visitor_tag, who)
FOAL_BEHAVIOUR1(names, give_back, visitor_tag, who)

static void names_on_open(names *self, room_tag where, bool hasty)
{
  self->room = where;
  self->hasty = hasty;
}

static void names_on_take(names *self, chat_name name, visitor_tag who)
{
  bool free = self->count < CHAT_MEMBERS_MAX;
  for (uint32_t i = 0; i < self->count; i++) {
    if (strcmp(self->taken[i].name.text, name.text) == 0) free = false;
  }
  if (!free) {
    visitor_answer(who, false);
    return;
  }
  self->taken[self->count].name = name;
  self->taken[self->count++].owner = who;
  room_join(self->room, who);
}

static void names_on_give_back(names *self, visitor_tag who)
{
  for (uint32_t i = 0; i < self->count; i++) {
    if (!foal_tag_equal(self->taken[i].owner.any, who.any)) continue;
    self->taken[i] = self->taken[--self->count];
    if (!self->hasty) room_leave(self->room, who);
    return;
  }
}

/* ---- a visitor: a connection ---- */

typedef struct visitor {
  foal_conn *conn FOAL_REF;
  chat_name name;
  bool welcome;
  uint32_t len;
  char line[CHAT_LINE_BYTES_MAX];
} visitor;
FOAL_PROTOCOL(visitor)
FOAL_HANDLE_VAL(visitor, hear)
FOAL_HANDLE1(visitor, answer, bool, welcome)

static names_tag the_names; /* set before foal_run */
static room_tag the_room;
static bool is_hasty;

static void visitor_on_opened(visitor *self, foal_conn *conn)
{
  self->conn = conn;
}

static void visitor_send(visitor *self, const void *bytes, size_t len) FOAL_TURN;
static void visitor_send(visitor *self, const void *bytes, size_t len)
{
  foal_buf *b;
  if (foal_buf_from(&b, bytes, len)) {
    foal_conn_write(self->conn, &b);
  } else {
    foal_conn_abort(self->conn, FOAL_NO_MEMORY); /* better gone than with a gap */
  }
}

static void visitor_on_answer(visitor *self, bool welcome)
{
  static const char sorry[] = "sorry, that name is taken\n", hello[] = "welcome\n";
  self->welcome = welcome;
  if (welcome) {
    visitor_send(self, hello, sizeof hello - 1);
  } else {
    visitor_send(self, sorry, sizeof sorry - 1);
    foal_conn_close(self->conn);
  }
}

static void visitor_on_hear(visitor *self, foal_val **line)
{
  visitor_send(self, foal_val_data(*line), foal_val_len(*line));
  foal_val_drop(line);
}

static void line_said(visitor *self) FOAL_TURN;
static void line_said(visitor *self)
{
  foal_buf *b;
  foal_val *line;
  char text[sizeof self->name.text + CHAT_LINE_BYTES_MAX + 4];
  if (self->name.text[0] == '\0') {
    size_t len = self->len < sizeof self->name.text - 1 ? self->len : 0;
    memcpy(self->name.text, len > 0 ? self->line : "?", len > 0 ? len : 1);
    names_take(the_names, self->name, visitor_self(self));
    return;
  }
  if (!self->welcome) return;
  int len = snprintf(text, sizeof text, "%s: %.*s\n", self->name.text, (int)self->len,
                     self->line);
  if (!foal_buf_from(&b, text, (size_t)len)) {
    foal_conn_abort(self->conn, FOAL_NO_MEMORY);
    return;
  }
  foal_buf_freeze(&b, &line);
  room_say(the_room, &line);
}

static void visitor_on_received(visitor *self, foal_buf **data)
{
  const uint8_t *bytes = foal_buf_data(*data);
  size_t n = foal_buf_len(*data), i = 0;
  for (; i < n && self->len < sizeof self->line; i++) {
    if (bytes[i] == '\n') {
      line_said(self);
      self->len = 0;
    } else {
      self->line[self->len++] = (char)bytes[i];
    }
  }
  if (i < n) foal_conn_abort(self->conn, FOAL_LIMIT); /* such a long line */
  foal_buf_drop(data);
}

/* Who does not listen is cut off by the library when his queue is full. */
static void visitor_on_sendable(visitor *self, size_t room_bytes)
{
  (void)self, (void)room_bytes;
}

static void visitor_on_ended(visitor *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void visitor_on_closed(visitor *self, foal_err why)
{
  (void)why;
  names_give_back(the_names, visitor_self(self));
  if (is_hasty) room_leave(the_room, visitor_self(self));
}

foal_err chat_open(const chat_options *options, foal_listener *listener)
{
  foal_listen_options listen = options->listen;
  if (!room_spawn(&the_room) || !names_spawn(&the_names)) return FOAL_NO_MEMORY;
  names_open(the_names, the_room, options->hasty);
  is_hasty = options->hasty;
  if (listen.conn.queue_bytes_max == 0) listen.conn.queue_bytes_max = 256 * 1024;
  return visitor_listen(&listen, listener);
}

uint32_t chat_left_behind(void)
{
  return left_behind;
}
