/* wire.c - the simulated network as a whole: connections, listeners, connecting.
 *
 * One world per run. A connection exists from the moment its SYN finds room in the queue
 * of a listener until both owners have let go; the kinds of trouble that come "at byte
 * k" are drawn when it begins. All memory here is the simulator's own. */
#include "impl/wire.h"

#include "../runtime/impl/assert.h"
#include "impl/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum {
  FILES_MAX = 1024,
  FILES_MAX_SMALL = 80,
  FIRST_FILE = 3,
  FIRST_PORT = 40000,
  QUEUE_MAX = 4096, /* what systems cut a backlog to */
  SYN_TRIES = 6,
  GIVES_UP_MS = 127000,
  BUFFER_BYTES = 16384,
  PLAN_TRIES = 12, /* such trouble is rare by its rate, which is meant per chance */
};

typedef struct file {
  foal__sim_listener *listener;
  foal__sim_end *end;
  int next_free;
} file;

foal__sim_net foal__sim_world;
static foal__sim_wire *wires;
static foal__sim_listener *listeners;
static uint16_t next_port;
static file *files;
static int files_count, files_room, free_file;

static void *cleared(size_t size)
{
  void *p = calloc(1, size);
  if (p == NULL) abort();
  return p;
}

void foal__sim_tell_trouble(foal__sim_switch which, uint32_t conn, const char *text)
{
  foal__sim_entry entry = {
      .kind = FOAL__SIM_FAULT, .what = foal__sim_switch_name(which), .conn = conn};
  if (!foal__sim_telling) return;
  if (text != NULL) memcpy(entry.text, text, strnlen(text, sizeof entry.text - 1));
  foal__sim_tell(&entry);
}

/* ---- connections ---- */

static uint64_t planned(foal__sim_switch which)
{
  static const uint32_t reach[] = {8, 600, 9000, 300000};
  bool hit = false;
  for (int i = 0; i < PLAN_TRIES; i++) hit |= foal__sim_fires(which);
  return hit ? foal__sim_how(which, reach[foal__sim_how(which, 4)]) : FOAL__SIM_NEVER;
}

/* Mostly large, sometimes small buffers; tiny ones where the switch says so. */
static size_t buffer_bytes(bool tiny)
{
  uint32_t shape = foal__sim_draw(FOAL__SIM_S_net, 16);
  size_t bytes = (size_t)BUFFER_BYTES << (shape & 3);
  if (shape >= 12) bytes = 256 + foal__sim_draw(FOAL__SIM_S_net, 4096);
  if (tiny) bytes = 1 + foal__sim_how(FOAL__SIM_W_window, 64);
  return bytes;
}

static void end_open(foal__sim_wire *wire, bool server, bool tiny)
{
  foal__sim_end *end = &wire->end[server ? 1 : 0];
  end->event.fire = foal__sim_end_fire;
  end->wire = wire;
  end->server = server;
  end->in_max = buffer_bytes(tiny);
  end->out_max = buffer_bytes(tiny);
  end->reset_at = planned(FOAL__SIM_W_reset);
  end->fin_at = planned(FOAL__SIM_W_fin);
  end->flip_at = planned(FOAL__SIM_W_flip);
  end->insert_at = planned(FOAL__SIM_W_insert);
}

static foal__addr address_of(uint32_t number)
{
  foal__addr addr = {.family = 4, .port = (uint16_t)(1024 + number % 60000)};
  addr.ip[0] = 10;
  addr.ip[1] = (uint8_t)(number >> 16);
  addr.ip[2] = (uint8_t)(number >> 8);
  addr.ip[3] = (uint8_t)number;
  return addr;
}

foal__sim_wire *foal__sim_wire_new(uint32_t number)
{
  foal__sim_wire *wire = cleared(sizeof *wire);
  bool tiny = foal__sim_fires(FOAL__SIM_W_window);
  wire->number = number;
  wire->latency_ns = foal__sim_some(FOAL__SIM_S_time, 2000000);
  wire->client = address_of(number);
  end_open(wire, false, tiny);
  end_open(wire, true, tiny);
  wire->next = wires;
  if (wires != NULL) wires->prev = wire;
  wires = wire;
  foal__sim_world.wires++;
  foal__sim_end_schedule(&wire->end[0]);
  foal__sim_end_schedule(&wire->end[1]);
  return wire;
}

void foal__sim_wire_free(foal__sim_wire *wire)
{
  for (int i = 0; i < 2; i++) {
    foal__sim_event_cancel(&wire->end[i].event);
    foal__sim_bytes_drop(&wire->end[i].in);
    foal__sim_bytes_drop(&wire->end[i].out);
  }
  if (wire->next != NULL) wire->next->prev = wire->prev;
  if (wire->prev != NULL) wire->prev->next = wire->next;
  if (wires == wire) wires = wire->next;
  free(wire);
}

/* ---- listening ---- */

static foal__sim_listener *listener_at(uint16_t port)
{
  foal__sim_listener *l = listeners;
  while (l != NULL && l->port != port) l = l->next;
  return l;
}

int foal__sim_listen(uint16_t port, uint32_t backlog, foal__sim_listener **out)
{
  if (port == 0) {
    do {
      port = next_port++;
    } while (port < FIRST_PORT || listener_at(port) != NULL);
  } else if (listener_at(port) != NULL) {
    return -EADDRINUSE;
  }
  foal__sim_listener *l = cleared(sizeof *l);
  uint32_t small = 1 + foal__sim_draw(FOAL__SIM_S_net, 8);
  l->port = port;
  l->most = foal__sim_draw(FOAL__SIM_S_net, 8) == 0 ? small : QUEUE_MAX;
  if (l->most > backlog) l->most = backlog > 0 ? backlog : 1;
  l->next = listeners;
  listeners = l;
  *out = l;
  return 0;
}

static void enqueue(foal__sim_listener *l, foal__sim_wire *wire)
{
  if (l->first == NULL) {
    l->first = wire;
  } else {
    l->last->behind = wire;
  }
  l->last = wire;
  l->count++;
  foal__sim_world.waiting++;
  if (l->waiting != NULL) l->waiting(l);
}

foal__sim_wire *foal__sim_listener_take(foal__sim_listener *listener)
{
  foal__sim_wire *wire = listener->first;
  if (wire == NULL) return NULL;
  listener->first = wire->behind;
  wire->behind = NULL;
  listener->count--;
  foal__sim_world.waiting--;
  return wire;
}

void foal__sim_unlisten(foal__sim_listener *listener)
{
  foal__sim_wire *wire;
  foal__sim_listener **at = &listeners;
  while (*at != listener) at = &(*at)->next;
  *at = listener->next;
  while ((wire = foal__sim_listener_take(listener)) != NULL) {
    foal__sim_end_close(&wire->end[1], true);
  }
  free(listener);
}

/* ---- connecting ---- */

static void dial_over(foal__sim_dial *dial, int status, foal__sim_end *end)
{
  void (*done)(foal__sim_dial *, int, foal__sim_end *) = dial->done;
  foal__sim_hash((uint64_t)dial->number << 16 | (uint16_t)status);
  done(dial, status, end);
}

/* The SYN arrives, or its fate. */
static void arrive(foal__sim_event *event)
{
  foal__sim_dial *dial = (foal__sim_dial *)(void *)event;
  foal__sim_listener *l = listener_at(dial->port);
  if (dial->fate != 0) {
    dial_over(dial, dial->fate, NULL);
  } else if (l == NULL) {
    dial_over(dial, -ECONNREFUSED, NULL);
  } else if (l->count < l->most) {
    foal__sim_wire *wire = foal__sim_wire_new(dial->number);
    wire->port = dial->port;
    enqueue(l, wire);
    dial_over(dial, 0, &wire->end[0]);
  } else if (++dial->tries >= SYN_TRIES) {
    dial_over(dial, -ETIMEDOUT, NULL);
  } else {
    foal__sim_event_set(&dial->event, foal__sim_now_ns() + (1000 * MS << dial->tries));
  }
}

/* 192.0.2.0/24 is the network that nobody answers from. */
static bool is_hole(const foal__addr *to)
{
  static const uint8_t hole[] = {192, 0, 2};
  return to->family == 4 && memcmp(to->ip, hole, sizeof hole) == 0;
}

/* How the attempt will fail, if it will; *at_once: the call itself says so. */
static int fate_of(foal__sim_dial *dial, uint64_t *wait_ns, bool *at_once)
{
  *at_once = false;
  if (dial->hole) {
    *wait_ns = GIVES_UP_MS * MS;
    return -ETIMEDOUT;
  }
  if (foal__sim_fires(FOAL__SIM_W_refuse)) {
    foal__sim_tell_trouble(FOAL__SIM_W_refuse, dial->number, NULL);
    return -ECONNREFUSED;
  }
  if (!foal__sim_fires(FOAL__SIM_W_unreachable)) return 0;
  static const int fates[] = {-ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH};
  int fate = fates[foal__sim_how(FOAL__SIM_W_unreachable, 3)];
  if (fate == -ETIMEDOUT) *wait_ns = GIVES_UP_MS * MS;
  *at_once = fate == -ENETUNREACH;
  foal__sim_tell_trouble(FOAL__SIM_W_unreachable, dial->number, strerror(-fate));
  return fate;
}

int foal__sim_dial_begin(foal__sim_dial *dial, const foal__addr *to)
{
  uint64_t wait_ns = foal__sim_travel_ns(1 + foal__sim_some(FOAL__SIM_S_time, 2000000));
  bool at_once;
  dial->event.fire = arrive;
  dial->number = ++foal__sim_world.dials;
  dial->port = to->port;
  dial->hole = is_hole(to);
  if (foal__sim_telling) {
    char text[FOAL__ADDR_TEXT_MAX];
    foal__addr_text(to, text);
    foal__sim_tell_conn(FOAL__SIM_DIALED, dial->number, 0, text);
  }
  dial->fate = fate_of(dial, &wait_ns, &at_once);
  if (at_once) return dial->fate;
  foal__sim_event_set(&dial->event, foal__sim_now_ns() + wait_ns);
  return 0;
}

void foal__sim_dial_cancel(foal__sim_dial *dial)
{
  foal__sim_event_cancel(&dial->event);
}

/* ---- descriptors ---- */

int foal__sim_file_new(foal__sim_listener *listener, foal__sim_end *end)
{
  int i = free_file;
  if (i >= 0) {
    free_file = files[i].next_free;
  } else {
    i = files_count++;
  }
  if (i == files_room) {
    files_room = files_room > 0 ? files_room * 2 : 64;
    files = realloc(files, sizeof *files * (size_t)files_room);
    if (files == NULL) abort();
  }
  files[i] = (file){listener, end, -1};
  return i + FIRST_FILE;
}

static file *file_at(int fd)
{
  foal_assert(fd >= FIRST_FILE && fd - FIRST_FILE < files_count);
  file *f = &files[fd - FIRST_FILE];
  foal_assert(f->listener != NULL || f->end != NULL); /* else it is closed */
  return f;
}

foal__sim_listener *foal__sim_file_listener(int fd)
{
  return file_at(fd)->listener;
}

void foal__sim_file_take(int fd, foal__sim_listener **listener, foal__sim_end **end)
{
  file *f = file_at(fd);
  *listener = f->listener;
  *end = f->end;
  *f = (file){NULL, NULL, free_file};
  free_file = fd - FIRST_FILE;
}

static uint32_t files_open(void)
{
  uint32_t n = 0;
  for (int i = 0; i < files_count; i++) {
    if (files[i].listener != NULL || files[i].end != NULL) n++;
  }
  return n;
}

/* ---- the run ---- */

void foal__sim_net_begin(void)
{
  foal_assert(wires == NULL && listeners == NULL);
  memset(&foal__sim_world, 0, sizeof foal__sim_world);
  bool small = foal__sim_draw(FOAL__SIM_S_setup, 8) == 0;
  foal__sim_world.files_max = small ? FILES_MAX_SMALL : FILES_MAX;
  next_port = FIRST_PORT;
  files_count = 0;
  free_file = -1;
}

static void check_left(const char *what, uint32_t count)
{
  if (count > 0) foal__sim_fail("left over in the network: %u %s", count, what);
}

void foal__sim_net_end(void)
{
  const foal__sim_net *world = &foal__sim_world;
  check_left("sockets", world->socks);
  check_left("look-ups", world->lookups);
  check_left("pieces of blocking work", world->jobs);
  check_left("descriptors", files_open());
  check_left("acceptors", world->acceptors);
  foal__sim_peers_end();
  check_left("connections in a queue", world->waiting);
  /* What is left now had a raw peer at one end, and has lost it. */
  while (wires != NULL) {
    check_left("ends of connections", !wires->end[0].closed && !wires->end[1].closed);
    foal__sim_wire_free(wires);
  }
}

bool foal__sim_net_quiet(void)
{
  const foal__sim_net *world = &foal__sim_world;
  return world->acceptors > 0 && world->socks + world->lookups + world->jobs == 0 &&
         world->waiting == 0;
}

uint64_t foal__sim_net_bytes(void)
{
  return foal__sim_world.bytes;
}

uint32_t foal__sim_net_connections(void)
{
  return foal__sim_world.wires;
}
