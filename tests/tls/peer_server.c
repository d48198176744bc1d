/* peer_server.c - a TLS server that tells each client what it knows of it.
 *
 *    peer_server [word...]           "port N control M"; the words: peer.h
 *
 * It answers one HTTP request per connection: with the facts, an empty line, and then the
 * body of a POST as it came, or N bytes of a pattern for GET /N. Each end is a line
 * "closed NAME REASON". A line "reload FILE" to the plain control port builds a new
 * context from the words in FILE, one a line, and gives it to the listener; the answer is
 * "ok" or why not, the old one staying. It ends on SIGTERM. */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_BYTES = 8192, CHUNK = 30000, PATTERN_BYTES = 65536, LINE_BYTES = 512 };

/* Set before the workers start, but for the label, which stays what it was. */
static peer_plan plan;
static foal_listener serving;

typedef struct peer {
  foal_conn *conn FOAL_REF;
  char head[HEAD_BYTES + 1];
  size_t head_len;
  uint64_t echo_left, pattern_left, pattern_at;
  bool answered, ended;
} peer;
FOAL_TAG(peer)
FOAL_PROTOCOL(peer)

static void put(peer *self, const char *text, size_t len) FOAL_TURN;
static void put(peer *self, const char *text, size_t len)
{
  foal_buf *b;
  if (!foal_buf_from(&b, text, len)) abort();
  foal_conn_write(self->conn, &b);
}

static void pay(peer *self) FOAL_TURN;
static void pay(peer *self)
{
  while (self->pattern_left > 0 && foal_conn_room(self->conn) > 0) {
    uint64_t n = self->pattern_left < CHUNK ? self->pattern_left : CHUNK;
    foal_buf *b;
    if (!foal_buf_new(&b, n)) abort();
    uint8_t *at = foal_buf_tail(b);
    for (uint64_t i = 0; i < n; i++) {
      uint64_t place = (self->pattern_at + i) % PATTERN_BYTES;
      at[i] = (uint8_t)(7 * place + (place >> 8));
    }
    foal_buf_extend(b, n);
    self->pattern_at += n;
    self->pattern_left -= n;
    foal_conn_write(self->conn, &b);
  }
  bool done = self->answered && self->echo_left == 0 && self->pattern_left == 0;
  if (done || (self->ended && self->pattern_left == 0)) foal_conn_close(self->conn);
}

static void echo(peer *self, foal_buf **data) FOAL_TURN FOAL_TAKES(*data);
static void echo(peer *self, foal_buf **data)
{
  if (foal_buf_len(*data) > self->echo_left) foal_buf_truncate(*data, self->echo_left);
  self->echo_left -= foal_buf_len(*data);
  foal_conn_write(self->conn, data);
  pay(self);
}

static void answer(peer *self) FOAL_TURN;
static void answer(peer *self)
{
  char facts[PEER_FACTS_BYTES], head[256];
  const char *length = strcasestr(self->head, "\r\nContent-Length:");
  size_t facts_len = peer_facts(foal_conn_ssl(self->conn), &plan, facts);
  if (strncmp(self->head, "GET /", 5) == 0)
    self->pattern_left = strtoull(self->head + 5, NULL, 10);
  else if (length != NULL)
    self->echo_left = strtoull(strchr(length, ':') + 1, NULL, 10);
  int len = snprintf(
      head, sizeof head,
      "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\nConnection: close\r\n\r\n",
      (unsigned long long)(facts_len + 1 + self->echo_left + self->pattern_left));
  self->answered = true;
  put(self, head, (size_t)len);
  put(self, facts, facts_len);
  put(self, "\n", 1);
}

/* How many of the bytes belong to the head; all that there are while it has no end. */
static size_t gather(peer *self, const uint8_t *at, size_t len) FOAL_TURN;
static size_t gather(peer *self, const uint8_t *at, size_t len)
{
  size_t before = self->head_len;
  size_t n = len < HEAD_BYTES - before ? len : HEAD_BYTES - before;
  memcpy(self->head + before, at, n);
  self->head[before + n] = '\0';
  const char *end = strstr(self->head, "\r\n\r\n");
  self->head_len = end == NULL ? before + n : (size_t)(end + 4 - self->head);
  if (end != NULL) self->head[self->head_len] = '\0';
  if (end != NULL) answer(self);
  if (end == NULL && self->head_len == HEAD_BYTES)
    foal_conn_abort(self->conn, FOAL_LIMIT);
  return self->head_len - before;
}

static void peer_on_opened(peer *self, foal_conn *conn)
{
  self->conn = conn;
}

static void peer_on_received(peer *self, foal_buf **data)
{
  if (!self->answered)
    foal_buf_consume(*data, gather(self, foal_buf_data(*data), foal_buf_len(*data)));
  echo(self, data);
}

static void peer_on_sendable(peer *self, size_t room)
{
  (void)room;
  pay(self);
}

static void peer_on_ended(peer *self, foal_err why)
{
  (void)why;
  self->ended = true;
  pay(self);
}

static void peer_on_closed(peer *self, foal_err why)
{
  printf("closed %s %s\n", foal_err_name(why), foal_conn_reason(peer_conn(self)));
  fflush(stdout);
}

typedef struct control {
  foal_conn *conn FOAL_REF;
  char line[LINE_BYTES];
  size_t len;
} control;
FOAL_TAG(control)
FOAL_PROTOCOL(control)

/* The lines of a file; the last is followed by NULL. */
static bool read_words(const char *path, char **words)
{
  size_t count = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  while (count < PEER_WORDS_MAX) {
    char *line = NULL;
    size_t size = 0;
    ssize_t len = getline(&line, &size, file);
    if (len <= 0) {
      free(line);
      break;
    }
    if (line[len - 1] == '\n') line[len - 1] = '\0';
    words[count++] = line;
  }
  fclose(file);
  return true;
}

static void reload(const char *path, char *why, size_t size)
{
  char *words[PEER_WORDS_MAX + 1] = {NULL};
  peer_plan next;
  if (!read_words(path, words)) {
    snprintf(why, size, "%s cannot be read", path);
  } else if (peer_plan_make(&next, words, why, size)) {
    foal_err err = foal_listener_reload(serving, next.ctx);
    foal_ssl_ctx_drop(&next.ctx);
    snprintf(why, size, "%s", err == FOAL_OK ? "ok" : foal_err_name(err));
  }
  for (size_t i = 0; i < PEER_WORDS_MAX; i++) free(words[i]);
}

static void control_on_opened(control *self, foal_conn *conn)
{
  self->conn = conn;
}

static void control_on_received(control *self, foal_buf **data)
{
  char why[600];
  foal_buf *out;
  size_t room = sizeof self->line - 1 - self->len;
  size_t n = foal_buf_len(*data) < room ? foal_buf_len(*data) : room;
  memcpy(self->line + self->len, foal_buf_data(*data), n);
  self->len += n;
  foal_buf_drop(data);
  char *end = memchr(self->line, '\n', self->len);
  if (end == NULL || strncmp(self->line, "reload ", 7) != 0) return;
  *end = '\0';
  self->len = 0;
  reload(self->line + 7, why, sizeof why - 1);
  size_t len = strlen(why);
  why[len++] = '\n';
  if (foal_buf_from(&out, why, len)) foal_conn_write(self->conn, &out);
}

static void control_on_sendable(control *self, size_t room)
{
  (void)self, (void)room;
}

static void control_on_ended(control *self, foal_err why)
{
  (void)why, foal_conn_close(self->conn);
}

static void control_on_closed(control *self, foal_err why)
{
  (void)self, (void)why;
}

int main(int argc, char **argv)
{
  foal_options options = {.workers = 2};
  foal_listener controlled;
  char why[600];
  foal_log_threshold(FOAL_LOG_INFO);
  if (foal_options_from(&options, &argc, argv) != FOAL_OK) return EXIT_FAILURE;
  if (!peer_plan_make(&plan, argv + 1, why, sizeof why)) {
    fprintf(stderr, "%s\n", why);
    return EXIT_FAILURE;
  }
  if (foal_start(&options) != FOAL_OK) return EXIT_FAILURE;
  foal_listen_options where = {.host = "127.0.0.1", .ctx = plan.ctx};
  foal_listen_options plain = {.host = "127.0.0.1"};
  if (peer_listen(&where, &serving) != FOAL_OK) return EXIT_FAILURE;
  if (control_listen(&plain, &controlled) != FOAL_OK) return EXIT_FAILURE;
  foal_ssl_ctx_drop(&plan.ctx);
  printf("port %u control %u\n", serving.port, controlled.port);
  fflush(stdout);
  return foal_run();
}
