/* chat_sim.c - the chat server of chat.c in the simulator, with visitors made of the same
 * library. Linked with foal::sim in place of foal::foal.
 *
 *    chat_sim              both scenarios; `hasty` fails within seconds
 *    chat_sim chat         the right one holds
 *
 * What must hold: a visitor hears his own lines in order and each once, as long as his
 * connection is whole; and when all have gone, the room is empty. */
#include "chat.h"

#include <sim/sim.h>
#include <stdio.h>
#include <string.h>

enum { VISITORS_MAX = 8, LINES_MAX = 6 };

typedef struct guest {
  foal_conn *conn FOAL_REF;
  uint32_t number, lines, said, heard, len;
  bool restless; /* goes away without listening */
  char line[512];
} guest;
FOAL_TAG(guest)
FOAL_PROTOCOL(guest)
FOAL_BEHAVIOUR2(guest, be, uint32_t, number, uint32_t, lines)

static void guest_on_be(guest *self, uint32_t number, uint32_t lines)
{
  self->number = number;
  self->lines = lines;
  self->restless = foal_sim_chance("restless");
}

static void say(guest *self, const char *what, uint32_t n) FOAL_TURN;
static void say(guest *self, const char *what, uint32_t n)
{
  char text[64];
  foal_buf *b;
  int len = snprintf(text, sizeof text, "%s%u\n", what, n);
  if (foal_buf_from(&b, text, (size_t)len)) foal_conn_write(self->conn, &b);
}

static void guest_on_opened(guest *self, foal_conn *conn)
{
  self->conn = conn;
  say(self, "guest", self->number);
  if (self->restless) foal_conn_close(conn);
}

/* One line from the server. */
static void heard(guest *self, const char *line) FOAL_TURN;
static void heard(guest *self, const char *line)
{
  uint32_t who, n;
  if (strcmp(line, "welcome") == 0) {
    for (; self->said < self->lines; self->said++) say(self, "line ", self->said);
  } else if (sscanf(line, "guest%u: line %u", &who, &n) == 2) {
    if (who != self->number) return;
    FOAL_SIM_CHECK(n == self->heard);
    self->heard++;
  } else {
    foal_sim_fail("guest%u does not understand '%s'", self->number, line);
  }
  if (self->heard == self->lines) foal_conn_close(self->conn);
}

static void guest_on_received(guest *self, foal_buf **data)
{
  const uint8_t *bytes = foal_buf_data(*data);
  for (size_t i = 0; i < foal_buf_len(*data); i++) {
    FOAL_SIM_CHECK(self->len < sizeof self->line);
    self->line[self->len++] = (char)bytes[i];
    if (bytes[i] != '\n') continue;
    self->line[self->len - 1] = '\0';
    heard(self, self->line);
    self->len = 0;
  }
  foal_buf_drop(data);
}

static void guest_on_sendable(guest *self, size_t room_bytes)
{
  (void)self, (void)room_bytes;
}

static void guest_on_ended(guest *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void guest_on_closed(guest *self, foal_err why)
{
  if (why == FOAL_CLEAN || why == FOAL_LOCAL) return;
  foal_sim_note("guest%u: %s", self->number, foal_err_text(why));
}

static bool play(bool hasty)
{
  chat_options chat = {.listen = {.host = "127.0.0.1"}, .hasty = hasty};
  foal_listener listener;
  if (chat_open(&chat, &listener) != FOAL_OK) return false;
  uint32_t visitors = foal_sim_size(VISITORS_MAX);
  for (uint32_t i = 0; i < visitors; i++) {
    foal_connect_options to = {.host = "127.0.0.1", .port = listener.port};
    guest_tag one;
    if (!guest_connect(&to, &one)) return false;
    guest_be(one, i, foal_sim_size(LINES_MAX));
  }
  return true;
}

static bool start_right(void)
{
  return play(false);
}

static bool start_hasty(void)
{
  return play(true);
}

static void check(void)
{
  FOAL_SIM_CHECK(chat_left_behind() == 0);
}

int main(int argc, char **argv)
{
  static const foal_scenario chat = {.name = "chat",
                                     .about = "visitors come, talk and go",
                                     .start = start_right,
                                     .check = check};
  static const foal_scenario hasty = {.name = "hasty",
                                      .about = "leaving overtakes coming: must fail",
                                      .start = start_hasty,
                                      .check = check};
  const foal_scenario *all[] = {&chat, &hasty, NULL};
  return foal_sim_main(argc, argv, all);
}
