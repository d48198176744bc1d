/* message.h - what the macros of behaviour.h are made of. User code names foal_tag, the
 * tag of an actor of any type, and nothing else of it.
 *
 * A message is one 64-byte node: this head and up to 40 bytes of arguments. A buffer's
 * own header begins with such a head, so that sending a buffer allocates nothing. The
 * message carries the generation of the tag it was sent to; the owner of the slot
 * drops it when that actor has ended, so a stale tag never reaches anybody else. */
#ifndef FOAL_MESSAGE_H
#define FOAL_MESSAGE_H

#include "buf.h"
#include "err.h"

typedef struct foal_actor foal_actor;
typedef struct foal_msg foal_msg;

/* The address of an actor of any type: a value. Zero is nobody. */
typedef struct foal_tag {
  foal_actor *slot_;
  uint32_t generation_;
} foal_tag;

enum {
  FOAL_ARGS_BYTES_MAX = 40, /* what fits into one message; send more as an iso */
  FOAL_MSG_BYTES = 64,
};

/* One typed behaviour: how to run it, how to drop its payload when nobody is there. */
typedef struct foal_behaviour {
  void (*run)(void *self, foal_msg *m);
  void (*drop)(foal_msg *m); /* NULL: the payload owns nothing */
  const char *actor;         /* name of the actor type */
  const char *name;
  bool copies; /* `run` copies the arguments before all else: the node is free already */
} foal_behaviour;

struct foal_msg {
  foal_msg *next_;
  const foal_behaviour *behaviour_;
  uint32_t generation_;
  uint16_t home_;
  uint16_t class_;
};

/* What an actor type is: one per FOAL_ACTOR. */
typedef struct foal_type {
  const char *name;
  size_t size;
  void (*end)(void *self); /* may be NULL */
} foal_type;

/* Takes a message node; NULL when memory is exhausted (counted, logged once). */
FOAL_API void *foal__message(const foal_behaviour *behaviour);
/* Gives the node of a message back; for a behaviour that does not copy. */
FOAL_API void foal__message_done(foal_msg *m);
/* Sends the message whose arguments are at args (from foal__message). */
FOAL_API void foal__post_args(foal_tag to, void *args);
/* Sends a buffer; the words travel in its header. */
FOAL_API void foal__post_buf(foal_tag to, const foal_behaviour *behaviour, foal_buf **b)
    FOAL_TAKES(*b);
/* The spare words in a buffer's header: FOAL_BUF_ARGS_BYTES_MAX bytes of further
 * arguments. */
FOAL_API void *foal__buf_args(foal_buf *b);
/* The buffer a message lies in; ownership goes to *out. */
FOAL_API void foal__buf_of(foal_msg *m, foal_buf **out) FOAL_GIVES(*out);
/* Aborts when a behaviour returns without having moved its buffer on. */
FOAL_API void foal__buf_must_be_gone(const foal_buf *b);
/* The drop function of buffer messages. */
FOAL_API void foal__buf_msg_drop(foal_msg *m);

enum { FOAL_BUF_ARGS_BYTES_MAX = 24 };

static inline void *foal__args(foal_msg *m)
{
  return m + 1;
}

/* The tag of the actor whose turn it is; self must be its state (checked). */
FOAL_API foal_tag foal__self_tag(const void *self) FOAL_TURN;

enum foal_spawn_flags_ {
  FOAL_SPAWN_PINNED_ = 1, /* never leaves its worker */
  FOAL_SPAWN_ON_ = 2,     /* on the named worker instead of the caller's */
};
FOAL_API bool foal__spawn(foal_tag *out, const foal_type *type, unsigned flags,
                          uint32_t worker) FOAL_MUST;

#endif
