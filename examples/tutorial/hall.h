/* hall.h - the hall of the chat servers in step4.c and step5.c: who is in it hears every
 * line that is said in it.
 *
 * A header says what can be sent to an actor; hall.c says what the actor does. The type
 * of the members is the program's; the hall only has to know how to tell them. */
#ifndef TUTORIAL_HALL_H
#define TUTORIAL_HALL_H

#include <foal.h>

enum { MEMBERS_MAX = 100, NAME_BYTES = 24, LINE_BYTES_MAX = 200 };

FOAL_TAG(member)
FOAL_SEND_VAL(member, hear)

FOAL_TAG(hall)
FOAL_SEND1(hall, join, member_tag, who)
FOAL_SEND_VAL(hall, say)

/* Makes the hall; between foal_start and foal_run. False: out of memory. */
bool hall_open(hall_tag *out);

/* Says "name: text" in the hall; text has len bytes, at most LINE_BYTES_MAX. */
void hall_say_line(hall_tag where, const char *name, const char *text, size_t len);

#endif
