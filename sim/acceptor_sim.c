/* acceptor_sim.c - listening sockets, accepting, and what errors of the system mean.
 *
 * As net/acceptor_uv.c on uv_poll: level-triggered, so as long as somebody waits and it
 * is watched, `ready` comes again with each poll. Descriptors are small numbers that lead
 * into wire.c. Belongs to the worker the acceptor was made on. */
#include "../net/impl/transport.h"
#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/pending.h"
#include "impl/wire.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { BROKEN_IN_A_ROW_MAX = 64, STARVED_MS_MAX = 1000 };

struct foal__acceptor {
  foal__sim_pending ready, close;
  foal__poller *poller;
  foal__sim_listener *listener;
  int fd;
  bool watching;
  foal__listening *owner; /* NULL: closed */
};

#define ACCEPTOR_OF(p, field)                                                            \
  ((foal__acceptor *)(void *)((char *)(p)-offsetof(foal__acceptor, field)))

/* ---- errors ---- */

const char *foal__cause_text(int os)
{
  foal_assert(os <= 0);
  return os == 0 ? "" : strerror(-os);
}

foal__cause foal__sim_cause(int status)
{
  static const struct {
    int error;
    foal_err err;
  } map[] = {
      {ENOMEM, FOAL_NO_MEMORY},          {ENOBUFS, FOAL_NO_MEMORY},
      {EMFILE, FOAL_FILE_LIMIT},         {ENFILE, FOAL_FILE_LIMIT},
      {EADDRINUSE, FOAL_ADDRESS_IN_USE}, {EADDRNOTAVAIL, FOAL_ADDRESS_UNAVAILABLE},
      {ECONNREFUSED, FOAL_REFUSED},      {EHOSTUNREACH, FOAL_UNREACHABLE},
      {ENETUNREACH, FOAL_UNREACHABLE},   {ETIMEDOUT, FOAL_UNREACHABLE},
      {ECONNRESET, FOAL_RESET},          {EPIPE, FOAL_RESET},
  };
  if (status == 0) return (foal__cause){FOAL_OK, 0};
  for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
    if (map[i].error == -status) return (foal__cause){map[i].err, status};
  }
  return (foal__cause){FOAL_IO, status};
}

/* ---- listening ---- */

uint32_t foal__transport_files_max(void)
{
  return foal__sim_world.files_max;
}

static bool is_here(const foal__addr *addr)
{
  static const uint8_t any[16], loopback[16] = {[15] = 1};
  if (addr->family == 6)
    return memcmp(addr->ip, any, 16) == 0 || memcmp(addr->ip, loopback, 16) == 0;
  return addr->ip[0] == 127 || addr->ip[0] == 10 || memcmp(addr->ip, any, 4) == 0;
}

foal__cause foal__transport_listen(const char *host, uint16_t port, uint32_t backlog,
                                   int *fd, uint16_t *real_port)
{
  foal__addr addr;
  foal__sim_listener *listener;
  foal_assert(host != NULL && fd != NULL && real_port != NULL);
  const char *digits = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  if (!foal__addr_parse(&addr, digits, port)) return (foal__cause){FOAL_DNS_FAILED, 0};
  if (!is_here(&addr)) return foal__sim_cause(-EADDRNOTAVAIL);
  int status = foal__sim_listen(port, backlog, &listener);
  if (status != 0) return foal__sim_cause(status);
  *fd = foal__sim_file_new(listener, NULL);
  *real_port = listener->port;
  return foal__sim_cause(0);
}

void foal__transport_drop(int fd)
{
  foal__sim_listener *listener;
  foal__sim_end *end;
  foal__sim_file_take(fd, &listener, &end);
  if (listener != NULL) foal__sim_unlisten(listener);
  if (end != NULL) foal__sim_end_close(end, false);
}

/* ---- accepting ---- */

/* Level-triggered: pended whenever it is watched and somebody is there. */
static void update(foal__acceptor *a)
{
  if (a->watching && a->owner != NULL && a->listener->first != NULL) {
    foal__sim_pend(a->poller, &a->ready);
  } else {
    foal__sim_unpend(&a->ready);
  }
}

static void on_waiting(foal__sim_listener *listener)
{
  update(listener->owner);
}

static void run_ready(foal__sim_pending *item) FOAL_LOOP;
static void run_ready(foal__sim_pending *item)
{
  foal__acceptor *a = ACCEPTOR_OF(item, ready);
  foal__listening_ready(a->owner);
  update(a);
}

static void run_close(foal__sim_pending *item)
{
  foal__acceptor *a = ACCEPTOR_OF(item, close);
  foal__sim_poller_count(a->poller, -1);
  foal__sim_world.acceptors--;
  foal__count(FOAL__C_handles_live, -1);
  foal__free(a);
}

foal__cause foal__acceptor_new(foal__acceptor **out, int fd, foal__listening *owner)
{
  foal__poller *poller = foal__worker_poller();
  foal_assert(out != NULL && owner != NULL && poller != NULL);
  foal__acceptor *a = foal__alloc(sizeof *a);
  if (a == NULL) {
    foal__transport_drop(fd);
    return foal__sim_cause(-ENOMEM);
  }
  *a = (foal__acceptor){.ready = {.run = run_ready},
                        .close = {.run = run_close},
                        .poller = poller,
                        .listener = foal__sim_file_listener(fd),
                        .fd = fd,
                        .owner = owner};
  foal_assert(a->listener != NULL && a->listener->owner == NULL);
  a->listener->owner = a;
  a->listener->waiting = on_waiting;
  foal__sim_poller_count(poller, 1);
  foal__sim_world.acceptors++;
  foal__count(FOAL__C_handles_live, 1);
  *out = a;
  return foal__sim_cause(0);
}

void foal__acceptor_watch(foal__acceptor *acceptor, bool on)
{
  foal_assert(acceptor != NULL && acceptor->owner != NULL);
  if (acceptor->watching == on) return;
  acceptor->watching = on;
  update(acceptor);
}

void foal__acceptor_close(foal__acceptor *acceptor)
{
  foal_assert(acceptor != NULL && acceptor->owner != NULL);
  acceptor->owner = NULL;
  foal__sim_unpend(&acceptor->ready);
  foal__transport_drop(acceptor->fd);
  acceptor->listener = NULL;
  foal__sim_pend(acceptor->poller, &acceptor->close);
}

/* Whether the system has nothing to accept with, for a while. */
static bool is_starved(foal__sim_listener *l)
{
  static const int errors[] = {-EMFILE, -ENFILE, -ENOMEM, -ENOBUFS};
  if (foal__sim_draw_is_calm()) return false;
  if (foal__sim_now_ns() < l->starved_until_ns) return true;
  if (!foal__sim_fires(FOAL__SIM_W_accept_files)) return false;
  uint64_t ms = foal__sim_how(FOAL__SIM_W_accept_files, STARVED_MS_MAX);
  l->starved = errors[foal__sim_how(FOAL__SIM_W_accept_files, 4)];
  l->starved_until_ns = foal__sim_now_ns() + ms * MS;
  foal__sim_tell_trouble(FOAL__SIM_W_accept_files, 0, strerror(-l->starved));
  return true;
}

/* A connection dies in the queue: some systems say so, others hand it out anyway. */
static bool is_gone(foal__sim_wire *wire)
{
  foal__sim_end *client = &wire->end[0];
  if (!foal__sim_fires(FOAL__SIM_W_accept_gone)) return false;
  foal__sim_tell_trouble(FOAL__SIM_W_accept_gone, wire->number, NULL);
  if (foal__sim_how(FOAL__SIM_W_accept_gone, 2) != 0) {
    client->reset_at = client->moved;
    foal__sim_end_schedule(client);
    return false;
  }
  foal__sim_end_close(&wire->end[1], true);
  return true;
}

foal__accepted foal__acceptor_accept(foal__acceptor *acceptor, int *fd, foal__addr *peer,
                                     foal__cause *cause)
{
  foal_assert(acceptor != NULL && acceptor->owner != NULL);
  foal_assert(fd != NULL && peer != NULL && cause != NULL);
  foal__sim_listener *l = acceptor->listener;
  for (int tries = 0; tries < BROKEN_IN_A_ROW_MAX && l->first != NULL; tries++) {
    if (is_starved(l)) {
      *cause = foal__sim_cause(l->starved);
      return FOAL__ACCEPT_STARVED;
    }
    foal__sim_wire *wire = foal__sim_listener_take(l);
    update(acceptor);
    if (is_gone(wire)) continue;
    *fd = foal__sim_file_new(NULL, &wire->end[1]);
    *peer = wire->client;
    foal__sim_tell_conn(FOAL__SIM_ACCEPTED, wire->number, 0, NULL);
    return FOAL__ACCEPTED;
  }
  return FOAL__ACCEPT_NONE;
}
