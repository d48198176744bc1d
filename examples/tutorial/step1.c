/* step1.c - two actors talk, and the program ends by itself.
 *
 * A guest knocks at a host; the host counts, and answers; the guest knocks again, three
 * times in all. Each actor touches only its own state. */
#include <foal.h>

#include <stdio.h>

FOAL_TAG(host)
FOAL_TAG(guest)

/* ---- what one can say to a guest: declared here, handled further down ---- */

FOAL_SEND1(guest, welcome, uint32_t, visit)

/* ---- the host ---- */

typedef struct host {
  uint32_t visits;
} host;
FOAL_ACTOR(host)
FOAL_BEHAVIOUR1(host, knock, guest_tag, who)

static void host_on_knock(host *self, guest_tag who)
{
  self->visits++;
  guest_welcome(who, self->visits);
}

/* ---- the guest ---- */

typedef struct guest {
  host_tag where;
} guest;
FOAL_ACTOR(guest)
FOAL_BEHAVIOUR1(guest, start, host_tag, where)
FOAL_HANDLE1(guest, welcome, uint32_t, visit)

static void guest_on_start(guest *self, host_tag where)
{
  self->where = where;
  host_knock(where, guest_self(self));
}

static void guest_on_welcome(guest *self, uint32_t visit)
{
  printf("welcome, this is visit %u\n", visit);
  if (visit < 3) host_knock(self->where, guest_self(self));
}

int main(void)
{
  host_tag ann;
  guest_tag bob;
  if (foal_start(NULL) != FOAL_OK) return 1;
  if (!host_spawn(&ann) || !guest_spawn(&bob)) return 1;
  guest_start(bob, ann);
  return foal_run();
}
