/* net_bounds.c - how much memory a connection takes when one side does not play along.
 *
 * A stranger sends far more than fits, to a protocol that is muted, or answers what it
 * receives while the stranger reads nothing, in the handler or by a message to itself; or
 * the protocol writes without heed of `sendable`. What the library takes from the wire
 * and what it queues stays below the bounds of conn.h, and the connection ends for its
 * reason. */
#include "net_tip.h"

#include "scenarios.h"

#include <string.h>

typedef enum abuse {
  MUTED,   /* nobody takes what comes */
  LATER,   /* muted only after a while, by a message */
  ANSWERS, /* each byte goes back, but is not read */
  RELAYS,  /* the same by a detour */
  GUSHES,  /* writes and writes */
  ABUSES
} abuse;

enum {
  FLOOD_BYTES = 1500000,
  PIECE_BYTES = 50000,
  ROOM_BYTES_MAX = 30000,
  QUEUE_BYTES_MIN = 100000,
  GUSHED_BYTES_MAX = 4000000,
  IDLE_MS = 900000,
  LATER_MS_MAX = 40,
  /* A window, the read that passes it, and what the user may have and not report. */
  WINDOW_BYTES = 3 * 65536,
  GROWTH_BYTES = 3 * 65536, /* what a full queue may grow */
  WIRE_BYTES = 4 * 16384,   /* buffers of both systems */
  STAGE_BYTES = 2 * 65536
};

typedef struct parrot {
  foal_conn *conn FOAL_REF;
  uint64_t got, written;
  bool muted;
} parrot;
FOAL_TAG(parrot)
FOAL_PROTOCOL(parrot)
FOAL_TIMER(parrot, later)
FOAL_BEHAVIOUR_ISO(parrot, detour)

static const char *const names[ABUSES] = {"muted", "later", "answers", "relays",
                                          "gushes"};
static abuse now;
static foal_conn_options settings;
static uint64_t got, got_muted, written;
static uint32_t opened, closed;
static foal_err why_closed;

/* ---- the protocol ---- */

static void gush(parrot *self) FOAL_TURN;
static void gush(parrot *self)
{
  foal_buf *b;
  size_t len = foal_sim_size(PIECE_BYTES);
  if (closed > 0 || !foal_buf_new(&b, len)) return;
  memset(foal_buf_tail(b), 'g', len);
  foal_buf_extend(b, len);
  written += len;
  foal_conn_write(self->conn, &b);
}

static void parrot_on_opened(parrot *self, foal_conn *conn)
{
  self->conn = conn;
  opened++;
  self->muted = now == MUTED;
  if (now == MUTED) foal_conn_mute(conn);
  if (now == LATER || now == GUSHES)
    (void)parrot_later_after(self, foal_sim_draw(LATER_MS_MAX));
}

static void parrot_on_later(parrot *self)
{
  if (now == GUSHES && closed == 0) {
    /* A network that swallows everything has room for ever. */
    if (written > GUSHED_BYTES_MAX) foal_conn_close(self->conn);
    gush(self);
    (void)parrot_later_after(self, foal_sim_draw(3));
  } else if (now == LATER && closed == 0) {
    self->muted = true;
    foal_counters c;
    foal_counters_read(&c);
    got_muted = (uint64_t)c.bytes_in;
    foal_conn_mute(self->conn);
  }
}

static void parrot_on_received(parrot *self, foal_buf **data)
{
  foal_counters c;
  FOAL_SIM_CHECK(!self->muted);
  got += foal_buf_len(*data);
  foal_counters_read(&c);
  FOAL_SIM_CHECK((uint64_t)c.bytes_in <= got + WINDOW_BYTES);
  if (now == ANSWERS) {
    foal_conn_write(self->conn, data);
  } else if (now == RELAYS) {
    parrot_detour(parrot_self(self), data);
  } else {
    foal_buf_drop(data);
  }
}

static void parrot_on_detour(parrot *self, foal_buf **data)
{
  if (closed == 0)
    foal_conn_write(self->conn, data);
  else
    foal_buf_drop(data);
}

static void parrot_on_sendable(parrot *self, size_t room)
{
  (void)self, (void)room;
}

static void parrot_on_ended(parrot *self, foal_err why)
{
  (void)why;
  foal_conn_close(self->conn);
}

static void parrot_on_closed(parrot *self, foal_err why)
{
  (void)self;
  closed++;
  why_closed = why;
}

/* ---- the stranger ---- */

static void on_connected(foal_sim_peer *peer, void *context)
{
  static uint8_t bytes[PIECE_BYTES];
  (void)context;
  if (now != LATER) foal_sim_peer_read(peer, false);
  for (uint32_t n = 0; n < FLOOD_BYTES && now != GUSHES; n += PIECE_BYTES)
    foal_sim_peer_send(peer, bytes, sizeof bytes);
}

static const foal_sim_peer_events events = {.connected = on_connected};

/* ---- the run ---- */

static bool start(void)
{
  foal_listener listener;
  now = (abuse)foal_sim_draw(ABUSES);
  got = got_muted = written = 0;
  opened = closed = 0;
  why_closed = FOAL_OK;
  settings = (foal_conn_options){.room_bytes = foal_sim_size(ROOM_BYTES_MAX),
                                 .write_ms = IDLE_MS,
                                 .idle_ms = IDLE_MS};
  settings.queue_bytes_max = QUEUE_BYTES_MIN + foal_sim_size(4 * QUEUE_BYTES_MIN);
  if (now != GUSHES) settings.queue_bytes_max = FLOOD_BYTES; /* the last resort */
  foal_listen_options where = {.host = "127.0.0.1", .conn = settings};
  foal_sim_note("case %s", names[now]);
  foal_sim_mark(names[now]);
  foal_err err = parrot_listen(&where, &listener);
  if (err != FOAL_OK) foal_sim_fail("listen: %s", foal_err_name(err));
  (void)foal_sim_peer_connect(listener.port, &events, NULL);
  return true;
}

static void check_gushed(uint64_t out)
{
  /* What was queued, and the one write that was on its way. */
  uint64_t least = settings.queue_bytes_max, left = written - out;
  FOAL_SIM_CHECK(why_closed == FOAL_LIMIT);
  FOAL_SIM_CHECK(left > least && left <= least + PIECE_BYTES + STAGE_BYTES);
}

static void check_taken(uint64_t in)
{
  uint64_t most = WINDOW_BYTES;
  if (now == LATER) most += got_muted;
  if (now == ANSWERS || now == RELAYS)
    most +=
        WINDOW_BYTES + GROWTH_BYTES + 2 * settings.room_bytes + STAGE_BYTES + WIRE_BYTES;
  if (in > most)
    foal_sim_fail("%s: %llu bytes were taken in, %llu are the most", names[now],
                  (unsigned long long)in, (unsigned long long)most);
  if (now == MUTED) FOAL_SIM_CHECK(got == 0);
  FOAL_SIM_CHECK(why_closed == FOAL_TIMEOUT_IDLE || why_closed == FOAL_TIMEOUT_WRITE ||
                 (now == LATER && got == FLOOD_BYTES));
}

static void check(void)
{
  foal_counters c;
  foal_counters_read(&c);
  FOAL_SIM_CHECK(opened == closed && opened <= 1);
  if (kit_trouble() != 0) return;
  FOAL_SIM_CHECK(opened == 1);
  if (now == GUSHES)
    check_gushed((uint64_t)c.bytes_out);
  else
    check_taken((uint64_t)c.bytes_in);
}

static const char *const marks[] = {"muted",  "later",  "answers",
                                    "relays", "gushes", NULL};

const foal_scenario net_bounds = {
    .name = "net_bounds",
    .about = "floods for who is muted, answers, or writes without heed: all bounded",
    .start = start,
    .check = check,
    .marks = marks,
};
