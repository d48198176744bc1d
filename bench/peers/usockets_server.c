/* usockets_server.c - a peer: HTTPS and echo as one writes them with uSockets 0.8.
 *
 *    usockets_server PORT CERT KEY http|echo      "-" as CERT and KEY: plain
 *
 * Built by bench/run when FOAL_USOCKETS names a clone of
 * https://github.com/uNetworking/uSockets. http answers each request head with 13 bytes,
 * whatever it asks for; echo sends back every byte and keeps what the socket does not
 * take, for uSockets itself keeps nothing. */
#include <libusockets.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct us_socket_t us_socket;

typedef struct client {
  unsigned matched; /* characters of the end of a head, as far as they have come */
  char *rest;       /* what the socket did not take */
  int rest_len, rest_capacity;
} client;

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nServer: usockets\r\n"
                             "Content-Type: text/plain\r\n"
                             "Content-Length: 13\r\n\r\nHello, World!";
static int tls;
static bool echoes;

static void keep(client *c, const char *bytes, int len)
{
  if (c->rest_len + len > c->rest_capacity) {
    c->rest_capacity = (c->rest_len + len) * 2;
    c->rest = realloc(c->rest, (size_t)c->rest_capacity);
    if (c->rest == NULL) abort();
  }
  memcpy(c->rest + c->rest_len, bytes, (size_t)len);
  c->rest_len += len;
}

static void put(us_socket *s, const char *bytes, int len)
{
  client *c = us_socket_ext(tls, s);
  int sent = c->rest_len > 0 ? 0 : us_socket_write(tls, s, bytes, len, 0);
  if (sent < 0) sent = 0;
  if (sent < len) keep(c, bytes + sent, len - sent);
}

static us_socket *on_data(us_socket *s, char *bytes, int len)
{
  static const char end[] = "\r\n\r\n";
  client *c = us_socket_ext(tls, s);
  if (echoes) {
    put(s, bytes, len);
    return s;
  }
  for (int i = 0; i < len; i++) {
    c->matched = bytes[i] == end[c->matched] ? c->matched + 1 : bytes[i] == '\r';
    if (c->matched < sizeof end - 1) continue;
    c->matched = 0;
    put(s, ANSWER, sizeof ANSWER - 1);
  }
  return s;
}

static us_socket *on_writable(us_socket *s)
{
  client *c = us_socket_ext(tls, s);
  if (c->rest_len == 0) return s;
  int sent = us_socket_write(tls, s, c->rest, c->rest_len, 0);
  if (sent <= 0) return s;
  c->rest_len -= sent;
  memmove(c->rest, c->rest + sent, (size_t)c->rest_len);
  return s;
}

static us_socket *on_open(us_socket *s, int is_client, char *ip, int ip_len)
{
  (void)is_client, (void)ip, (void)ip_len;
  memset(us_socket_ext(tls, s), 0, sizeof(client));
  return s;
}

static us_socket *on_close(us_socket *s, int code, void *reason)
{
  client *c = us_socket_ext(tls, s);
  (void)code, (void)reason;
  free(c->rest);
  return s;
}

static us_socket *on_end(us_socket *s)
{
  return us_socket_close(tls, s, 0, NULL);
}

static us_socket *on_timeout(us_socket *s)
{
  return s;
}

static void nothing(struct us_loop_t *loop)
{
  (void)loop;
}

int main(int argc, char **argv)
{
  if (argc != 5) {
    fputs("usage: usockets_server PORT CERT KEY http|echo\n", stderr);
    return 2;
  }
  struct us_socket_context_options_t options = {0};
  tls = strcmp(argv[2], "-") != 0;
  echoes = strcmp(argv[4], "echo") == 0;
  if (tls) options.cert_file_name = argv[2], options.key_file_name = argv[3];
  struct us_loop_t *loop = us_create_loop(NULL, nothing, nothing, nothing, 0);
  struct us_socket_context_t *context = us_create_socket_context(tls, loop, 0, options);
  if (context == NULL) return 1;
  us_socket_context_on_open(tls, context, on_open);
  us_socket_context_on_data(tls, context, on_data);
  us_socket_context_on_writable(tls, context, on_writable);
  us_socket_context_on_close(tls, context, on_close);
  us_socket_context_on_end(tls, context, on_end);
  us_socket_context_on_timeout(tls, context, on_timeout);
  if (!us_socket_context_listen(tls, context, "127.0.0.1", atoi(argv[1]), 0,
                                sizeof(client)))
    return 1;
  us_loop_run(loop);
  return 0;
}
