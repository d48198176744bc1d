/* step3.c - timers, and watching another actor.
 *
 * An egg timer ticks three times and ends. The cook watches it and is told, once. The
 * cook would not wait for ever: a second timer is his patience. He cancels it when the
 * egg is done, and then nothing is left that could still happen: the program ends, long
 * before the patience would have. */
#include <foal.h>

#include <stdio.h>

enum { TICK_MS = 100, PATIENCE_MS = 60000 };

/* ---- the egg timer ---- */

typedef struct egg {
  uint32_t left;
} egg;
FOAL_TAG(egg)
FOAL_ACTOR(egg)
FOAL_BEHAVIOUR1(egg, start, uint32_t, ticks)
FOAL_TIMER(egg, tick)

static void egg_on_start(egg *self, uint32_t ticks)
{
  self->left = ticks;
  egg_tick_after(self, TICK_MS);
}

static void egg_on_tick(egg *self)
{
  printf("tick, %u left\n", --self->left);
  if (self->left > 0) {
    egg_tick_after(self, TICK_MS); /* a timer fires once: arm it again */
  } else {
    foal_actor_end(FOAL_ENDED);
  }
}

/* ---- the cook ---- */

typedef struct cook {
  foal_timer patience;
} cook;
FOAL_TAG(cook)
FOAL_ACTOR(cook)
FOAL_BEHAVIOUR1(cook, start, egg_tag, what)
FOAL_TIMER(cook, give_up)
FOAL_DOWN(cook)

static void cook_on_start(cook *self, egg_tag what)
{
  self->patience = cook_give_up_after(self, PATIENCE_MS);
  cook_watch(self, what.any);
  egg_start(what, 3);
}

static void cook_on_down(cook *self, foal_tag who, foal_err why)
{
  (void)who; /* this cook watches only one */
  printf("the egg is done: %s\n", foal_err_text(why));
  foal_timer_cancel(self->patience);
}

static void cook_on_give_up(cook *self)
{
  (void)self;
  printf("no egg today\n");
}

int main(void)
{
  egg_tag breakfast;
  cook_tag bob;
  if (foal_start(NULL) != FOAL_OK) return 1;
  if (!egg_spawn(&breakfast) || !cook_spawn(&bob)) return 1;
  cook_start(bob, breakfast);
  return foal_run();
}
