/* acceptor_uv.c - listening sockets, accepting, and what errors of the system mean.
 *
 * libuv's own uv_listen accepts as it likes (all at once, or closing connections on
 * EMFILE), so the socket is ours and only watched with uv_poll. Level-triggered: as
 * long as somebody waits, `ready` comes again. Belongs to the thread of the worker the
 * acceptor was made on. */
#include "impl/transport.h"

#include "../runtime/impl/alloc.h"
#include "../runtime/impl/assert.h"
#include "../runtime/impl/worker.h"
#include "impl/cause_uv.h"
#include "impl/loop.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  BROKEN_IN_A_ROW_MAX = 64, /* connections that died while they waited */
  CAUSE_TEXT_BYTES = 96
};

struct foal__acceptor {
  uv_poll_t poll; /* first: a handle is its acceptor */
  int fd;
  bool watching;
  foal__listening *owner; /* NULL: closed */
};

/* ---- errors ---- */

const char *foal__cause_text(int os)
{
  static _Thread_local char text[CAUSE_TEXT_BYTES];
  foal_assert(os <= 0);
  if (os == 0) return "";
  /* uv_strerror would leak a text for every number it does not know. */
  return uv_strerror_r(os, text, sizeof text);
}

foal__cause foal__cause_of(int status)
{
  static const struct {
    int status;
    foal_err err;
  } map[] = {
      {0, FOAL_OK},
      {UV_ENOMEM, FOAL_NO_MEMORY},
      {UV_ENOBUFS, FOAL_NO_MEMORY},
      {UV_EMFILE, FOAL_FILE_LIMIT},
      {UV_ENFILE, FOAL_FILE_LIMIT},
      {UV_EADDRINUSE, FOAL_ADDRESS_IN_USE},
      {UV_EADDRNOTAVAIL, FOAL_ADDRESS_UNAVAILABLE},
      {UV_EACCES, FOAL_ACCESS_DENIED},
      {UV_EPERM, FOAL_ACCESS_DENIED},
      {UV_ECONNREFUSED, FOAL_REFUSED},
      {UV_EHOSTUNREACH, FOAL_UNREACHABLE},
      {UV_ENETUNREACH, FOAL_UNREACHABLE},
      {UV_ENETDOWN, FOAL_UNREACHABLE},
      {UV_EAFNOSUPPORT, FOAL_UNREACHABLE},
      {UV_ETIMEDOUT, FOAL_UNREACHABLE},
      {UV_ECONNRESET, FOAL_RESET},
      {UV_ECONNABORTED, FOAL_RESET},
      {UV_EPIPE, FOAL_RESET},
  };
  foal_assert(status <= 0);
  for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
    if (map[i].status == status) return (foal__cause){map[i].err, status};
  }
  return (foal__cause){FOAL_IO, status};
}

static foal__cause cause_of_errno(void)
{
  return foal__cause_of(-errno);
}

void foal__transport_drop(int fd)
{
  foal_assert(fd >= 0);
  (void)close(
      fd); /* never repeated on EINTR: on Linux the descriptor is gone either way */
}

uint32_t foal__transport_files_max(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > UINT32_MAX)
    return UINT32_MAX;
  return (uint32_t)limit.rlim_cur;
}

/* ---- listening ---- */

/* One address; the descriptor or -1 with errno. */
static int listen_on(const struct addrinfo *ai, int backlog)
{
  int on = 1,
      fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  foal_assert(ai->ai_addr != NULL);
  if (fd < 0) return -1;
  /* Without it a restart is refused while old connections are in TIME_WAIT. */
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  /* Accepted sockets have it from this one: a system call less for each. */
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
  int saved = errno;
  foal__transport_drop(fd);
  errno = saved;
  return -1;
}

static uint16_t port_of(int fd)
{
  struct sockaddr_storage sa;
  socklen_t len = sizeof sa;
  foal_assert(fd >= 0);
  if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0) return 0;
  return foal__addr_from((const struct sockaddr *)&sa).port;
}

foal__cause foal__transport_listen(const char *host, uint16_t port, uint32_t backlog,
                                   int *fd, uint16_t *real_port)
{
  struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                           .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  char service[8];
  foal_assert(host != NULL && fd != NULL && real_port != NULL);
  (void)snprintf(service, sizeof service, "%u", (unsigned)port);
  int status = getaddrinfo(host, service, &hints, &found);
  if (status != 0) {
    return (foal__cause){status == EAI_MEMORY ? FOAL_NO_MEMORY : FOAL_DNS_FAILED, 0};
  }
  foal__cause cause = {FOAL_DNS_FAILED, 0};
  int listening = -1;
  for (const struct addrinfo *ai = found; ai != NULL && listening < 0; ai = ai->ai_next) {
    listening = listen_on(ai, backlog > INT32_MAX ? INT32_MAX : (int)backlog);
    if (listening < 0) cause = cause_of_errno();
  }
  freeaddrinfo(found);
  if (listening < 0) return cause;
  *fd = listening;
  *real_port = port_of(listening);
  return foal__cause_of(0);
}

/* ---- accepting ---- */

static void on_poll(uv_poll_t *handle, int status, int events) FOAL_LOOP;
static void on_poll(uv_poll_t *handle, int status, int events)
{
  foal__acceptor *a = (foal__acceptor *)handle;
  (void)status; /* an error shows when accepting, which is where it is handled */
  (void)events;
  if (a->owner != NULL) foal__listening_ready(a->owner);
}

foal__cause foal__acceptor_new(foal__acceptor **out, int fd, foal__listening *owner)
{
  foal__poller *poller = foal__worker_poller();
  foal_assert(out != NULL && fd >= 0 && owner != NULL);
  foal_assert(poller != NULL);
  foal__acceptor *a = foal__alloc(sizeof *a);
  int status = UV_ENOMEM;
  if (a != NULL) {
    memset(a, 0, sizeof *a);
    status = uv_poll_init(foal__poller_loop(poller), &a->poll, fd);
  }
  if (status != 0) {
    foal__free(a);
    foal__transport_drop(fd);
    return foal__cause_of(status);
  }
  a->fd = fd;
  a->owner = owner;
  foal__poller_count(poller, 1);
  foal__count(FOAL__C_handles_live, 1);
  *out = a;
  return foal__cause_of(0);
}

void foal__acceptor_watch(foal__acceptor *acceptor, bool on)
{
  foal_assert(acceptor != NULL && acceptor->owner != NULL);
  if (acceptor->watching == on) return;
  acceptor->watching = on;
  int status = on ? uv_poll_start(&acceptor->poll, UV_READABLE, on_poll)
                  : uv_poll_stop(&acceptor->poll);
  foal_assert(status == 0); /* only a closing handle is refused */
}

static void on_closed(uv_handle_t *handle)
{
  foal__acceptor *a = (foal__acceptor *)handle;
  foal__poller_count((foal__poller *)handle->loop->data, -1);
  foal__count(FOAL__C_handles_live, -1);
  foal__free(a);
}

void foal__acceptor_close(foal__acceptor *acceptor)
{
  foal_assert(acceptor != NULL && acceptor->owner != NULL);
  acceptor->owner = NULL;
  uv_close((uv_handle_t *)&acceptor->poll, on_closed);
  /* After uv_close the descriptor is not polled any more, and the port is free at
   * once. */
  foal__transport_drop(acceptor->fd);
  acceptor->fd = -1;
}

/* Errors that say nothing about the listening socket: the connection died while it
 * waited, or the network reported something about it. See accept(2). */
static bool is_about_the_peer(int error)
{
  static const int errors[] = {EINTR,    ECONNABORTED, EPROTO,
                               ENETDOWN, ENOPROTOOPT,  EHOSTDOWN,
                               ENONET,   EHOSTUNREACH, ENETUNREACH};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (errors[i] == error) return true;
  }
  return false;
}

foal__accepted foal__acceptor_accept(foal__acceptor *acceptor, int *fd, foal__addr *peer,
                                     foal__cause *cause)
{
  struct sockaddr_storage sa;
  foal_assert(acceptor != NULL && acceptor->fd >= 0);
  foal_assert(fd != NULL && peer != NULL && cause != NULL);
  for (int tries = 0; tries < BROKEN_IN_A_ROW_MAX; tries++) {
    socklen_t len = sizeof sa;
    int got =
        accept4(acceptor->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (got >= 0) {
      *fd = got;
      *peer = foal__addr_from((const struct sockaddr *)&sa);
      return FOAL__ACCEPTED;
    }
    if (errno == EAGAIN) return FOAL__ACCEPT_NONE;
    if (!is_about_the_peer(errno)) {
      *cause = cause_of_errno();
      return FOAL__ACCEPT_STARVED;
    }
  }
  return FOAL__ACCEPT_NONE; /* the loop reports again if more are waiting */
}
