/* chat.h - the actors of a chat server: one for the names, one for the room, one per
 * visitor. chat_main.c serves them; chat_sim.c plays them in the simulator.
 *
 * A visitor's first line is his name, every further line is said to all. */
#ifndef CHAT_H
#define CHAT_H

#include <foal.h>

enum { CHAT_MEMBERS_MAX = 64, CHAT_LINE_BYTES_MAX = 400 };

typedef struct chat_options {
  foal_listen_options listen;
  bool hasty; /* a mistake, on purpose: leaving takes a shorter way than coming */
} chat_options;

/* Opens the room and listens; between foal_start and foal_run. */
foal_err chat_open(const chat_options *options, foal_listener *listener);

/* How many members the room had when it was closed; after foal_run. */
uint32_t chat_left_behind(void);

#endif
