/* A protocol that other actors send to: a chat member that a room talks to.
 *
 * accepted by every compiler, also: c++17 */
#include "sink.h"

FOAL_TAG(member)
FOAL_SEND_VAL(member, hear)

enum { ROOM_SEATS = 100 };
typedef struct room {
  member_tag seat[ROOM_SEATS];
  uint32_t taken;
} room;
FOAL_TAG(room)
FOAL_ACTOR(room)
FOAL_BEHAVIOUR1(room, enter, member_tag, who)
FOAL_BEHAVIOUR1(room, leave, member_tag, who)
FOAL_BEHAVIOUR_ISO(room, say)

typedef struct member {
  foal_conn *conn FOAL_REF;
  room_tag where;
} member;
FOAL_PROTOCOL(member)
FOAL_HANDLE_VAL(member, hear)

static void room_on_enter(room *self, member_tag who)
{
  if (self->taken < ROOM_SEATS) self->seat[self->taken++] = who;
}

static void room_on_leave(room *self, member_tag who)
{
  for (uint32_t i = 0; i < self->taken; i++)
    if (foal_tag_equal(self->seat[i].any, who.any))
      self->seat[i] = self->seat[--self->taken];
}

static void room_on_say(room *self, foal_buf **b)
{
  foal_val *v;
  foal_buf_freeze(b, &v);
  for (uint32_t i = 0; i < self->taken; i++) {
    foal_val *copy;
    foal_val_share(v, &copy);
    member_hear(self->seat[i], &copy);
  }
  foal_val_drop(&v);
}

static void member_on_hear(member *self, foal_val **v)
{
  foal_buf *b;
  if (self->conn != NULL && foal_conn_room(self->conn) > 0 &&
      foal_buf_from(&b, foal_val_data(*v), foal_val_len(*v)))
    foal_conn_write(self->conn, &b);
  foal_val_drop(v);
}

static void member_on_opened(member *self, foal_conn *conn)
{
  self->conn = conn;
  self->where = *(const room_tag *)foal_conn_context(conn);
  room_enter(self->where, member_self(self));
}

static void member_on_received(member *self, foal_buf **data)
{
  room_say(self->where, data);
}

static void member_on_sendable(member *self, size_t room_bytes)
{
  (void)self;
  (void)room_bytes;
}

static void member_on_ended(member *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void member_on_closed(member *self, foal_err why)
{
  (void)why;
  self->conn = NULL;
  room_leave(self->where, member_self(self));
}
