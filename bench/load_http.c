/* load_http.c - as much HTTP/1.1 as the answers of the servers under measurement need:
 * a status line, Content-Length, a body that is thrown away. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

void load_http_ask(load_conn *c, uint64_t at_ns)
{
  static char request[512];
  static size_t len;
  if (len == 0) {
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", load_opt.path);
    len = n > 0 && (size_t)n < sizeof request ? (size_t)n : 0;
  }
  c->asked = true;
  c->asked_ns = at_ns;
  load_conn_write(c, request, len);
}

static void read_head(load_conn *c)
{
  if (memcmp(c->http.head, "HTTP/1.1 200", 12) != 0) load_count.bad_answers++;
  const char *length = strcasestr(c->http.head, "\ncontent-length:");
  if (length == NULL) load_count.bad_answers++;
  c->http.body_left =
      length ? strtoull(length + strlen("\ncontent-length:"), NULL, 10) : 0;
  c->http.in_body = true;
  c->http.head_len = 0;
}

/* How many of the bytes belong to the head; 0: the connection is lost. */
static size_t take_head(load_conn *c, const unsigned char *bytes, size_t len)
{
  size_t before = c->http.head_len, room = sizeof c->http.head - 1 - before;
  size_t n = len < room ? len : room;
  memcpy(c->http.head + before, bytes, n);
  c->http.head_len += n;
  c->http.head[c->http.head_len] = '\0';
  char *end = strstr(c->http.head, "\r\n\r\n");
  if (end == NULL) {
    if (n == len) return n;
    load_conn_fail(c, "a head without an end");
    return 0;
  }
  end[2] = '\0';
  size_t head_len = (size_t)(end - c->http.head) + 4;
  read_head(c);
  return head_len - before;
}

bool load_http_feed(load_conn *c, const unsigned char *bytes, size_t len)
{
  while (len > 0 || (c->http.in_body && c->http.body_left == 0)) {
    if (!c->http.in_body) {
      size_t n = take_head(c, bytes, len);
      if (n == 0) return false;
      bytes += n;
      len -= n;
      continue;
    }
    size_t n = len < c->http.body_left ? len : (size_t)c->http.body_left;
    c->http.body_left -= n;
    bytes += n;
    len -= n;
    if (load_measuring) load_count.bytes += n;
    if (c->http.body_left > 0) return true;
    c->http.in_body = false;
    if (!c->asked) {
      load_conn_fail(c, "an answer nobody asked for");
      return false;
    }
    c->asked = false;
    if (!load_answered(c)) return false;
  }
  return true;
}
