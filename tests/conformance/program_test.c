/* program_test.c - after Pony's full programs about pinned actors and signals, on threads
 * and signals of the system. */
#include "foal.h"
#include "foal_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TestSuite(conf_program, .timeout = 30);

static atomic_uint astray, turns;

/* ---- pinned actors ---- */

enum { WORKERS = 3, STEPS = 2000 };

typedef struct pinned {
  uint32_t home, steps;
  pthread_t thread;
} pinned;
FOAL_TAG(pinned)
FOAL_ACTOR(pinned)
FOAL_BEHAVIOUR1(pinned, begin, uint32_t, home)
FOAL_BEHAVIOUR0(pinned, step)
FOAL_BEHAVIOUR0(pinned, block)
FOAL_BEHAVIOUR0(pinned, unblock)

static pinned_tag pins[WORKERS];
static sem_t unblocked;

static void pinned_on_begin(pinned *self, uint32_t home)
{
  self->home = home;
  self->thread = pthread_self();
  pinned_step(pinned_self(self));
}

/* Written to by all others all the time, it stays where it is. */
static void pinned_on_step(pinned *self)
{
  if (foal_worker() != self->home || !pthread_equal(self->thread, pthread_self())) {
    astray++;
  }
  turns++;
  if (self->steps++ >= STEPS) return;
  pinned_step(pins[self->home]);
  if (self->steps % WORKERS == 0) pinned_step(pins[(self->home + 1) % WORKERS]);
}

static void pinned_on_block(pinned *self)
{
  (void)self;
  while (sem_wait(&unblocked) != 0) (void)0;
  turns++;
}

static void pinned_on_unblock(pinned *self)
{
  (void)self;
  sem_post(&unblocked);
  turns++;
}

static void start_pins(uint32_t count)
{
  foal_options options = {.workers = WORKERS, .keep_signals = true};
  cr_assert_eq(foal_start(&options), FOAL_OK);
  for (uint32_t i = 0; i < count; i++) cr_assert(pinned_spawn_pinned(&pins[i], i));
}

/* Pony has one thread for all of them; here each has the worker it was pinned to, and one
 * that blocks stops its own worker only. */
Test(conf_program, pinned_actor)
{
  start_pins(WORKERS);
  for (uint32_t i = 0; i < WORKERS; i++) pinned_begin(pins[i], i);
  cr_assert_eq(foal_run(), 0);
  cr_assert_eq(astray, 0);
  cr_assert_geq(turns, WORKERS * STEPS);

  turns = 0;
  sem_init(&unblocked, 0, 0);
  start_pins(WORKERS);
  pinned_block(pins[1]);
  pinned_block(pins[2]);
  pinned_unblock(pins[0]);
  pinned_unblock(pins[0]);
  cr_assert_eq(foal_run(), 0);
  cr_assert_eq(turns, 4);
}

/* ---- signals ---- */

typedef struct guest {
  foal_conn *conn FOAL_REF;
} guest;
FOAL_TAG(guest)
FOAL_PROTOCOL(guest)

static foal_listener door;
static atomic_uint opened, told, clean;

/* When both ends are open, the program raises what would end it at once. */
static void guest_on_opened(guest *self, foal_conn *conn)
{
  self->conn = conn;
  if (++opened == 2) (void)kill(getpid(), SIGINT);
}

static void guest_on_received(guest *self, foal_buf **data)
{
  (void)self;
  foal_buf_drop(data);
}

static void guest_on_sendable(guest *self, size_t room_bytes)
{
  (void)self, (void)room_bytes;
}

static void guest_on_ended(guest *self, foal_err why)
{
  if (why == FOAL_STOPPED) told++;
  foal_conn_close(self->conn);
}

static void guest_on_closed(guest *self, foal_err why)
{
  (void)self;
  if (why == FOAL_CLEAN) clean++;
}

static void (*disposition(int signal_number))(int)
{
  struct sigaction action;
  cr_assert_eq(sigaction(signal_number, NULL, &action), 0);
  return action.sa_handler;
}

/* What keeps this program alive is its listener; the signal ends it, in order: who is
 * connected is told and closes, and foal_run comes back with 0. */
Test(conf_program, signal_wait_exit)
{
  foal_options options = {.workers = 2};
  foal_counters c;
  guest_tag tag;
  cr_assert_eq(foal_start(&options), FOAL_OK);
  foal_listen_options l = {.host = "127.0.0.1"};
  cr_assert_eq(guest_listen(&l, &door), FOAL_OK);
  foal_connect_options o = {.host = "127.0.0.1", .port = door.port};
  cr_assert(guest_connect(&o, &tag));
  cr_assert_eq(foal_run(), 0);
  cr_assert_geq(told, 1);
  cr_assert_eq(clean, 2);
  foal_counters_read(&c);
  cr_assert_eq(c.actors_live, 0);
  cr_assert_eq(c.handles_live, 0);
}

typedef struct looker {
  char unused;
} looker;
FOAL_TAG(looker)
FOAL_ACTOR(looker)
FOAL_BEHAVIOUR0(looker, look)

static void (*seen_int)(int), (*seen_term)(int);

static void looker_on_look(looker *self)
{
  (void)self;
  seen_int = disposition(SIGINT);
  seen_term = disposition(SIGTERM);
}

static void look_while_running(bool keep)
{
  foal_options options = {.workers = 2, .keep_signals = keep};
  looker_tag one;
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert(looker_spawn(&one));
  looker_look(one);
  cr_assert_eq(foal_run(), 0);
}

static void own_handler(int signal_number)
{
  (void)signal_number;
}

/* Watching signals keeps no program alive, and afterwards the system's default is back.
 * With keep_signals they are not touched at all. */
Test(conf_program, signal_shutdown_disposition)
{
  (void)signal(SIGINT, SIG_DFL);
  (void)signal(SIGTERM, SIG_DFL);
  look_while_running(false);
  cr_assert(seen_int != SIG_DFL && seen_int != SIG_IGN);
  cr_assert(seen_term != SIG_DFL && seen_term != SIG_IGN);
  cr_assert(disposition(SIGINT) == SIG_DFL);
  cr_assert(disposition(SIGTERM) == SIG_DFL);

  (void)signal(SIGTERM, own_handler);
  look_while_running(true);
  cr_assert(seen_int == SIG_DFL && seen_term == own_handler);
  cr_assert(disposition(SIGTERM) == own_handler);
}
