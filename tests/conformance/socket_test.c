/* socket_test.c - libponyrt's tests of its socket calls, on the transport of net/ alone:
 * no call ever waits, whatever the descriptor was before, and every end has a reason.
 *
 * This program brings the events of impl/transport.h itself, so tcp.c is not linked. One
 * actor drives one sock; the other end of the connection is a plain socket, in a thread
 * where it must wait. */
#include "foal.h"
#include "foal_test.h"
#include "net/impl/transport.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(conf_socket, .timeout = 30);

#define must(cond) ((cond) ? (void)0 : fail(__LINE__, #cond))
_Noreturn static void fail(int line, const char *what)
{
  fprintf(stderr, "socket_test.c:%d: does not hold: %s\n", line, what);
  abort();
}

enum { BIG_BYTES = FOAL_BUF_BYTES_MAX, TICK_MS = 20, HEARD_MAX = 64, NO_FD = 900 };

/* ---- the sock and what it tells ---- */

struct foal__tcp {
  foal__sock *sock;
  char heard[HEARD_MAX];
  size_t heard_len;
  uint32_t received, ended, closed;
  atomic_uint wrote;
  foal__cause end, write_end;
};
static foal__tcp events;

/* Closed by the first of them, unless the test closes. */
static bool stays_open;

static void done(void)
{
  if (!stays_open) foal__sock_close(events.sock, false);
}

void foal__tcp_connected(foal__tcp *owner, foal__sock *sock, foal__cause cause)
{
  (void)owner, (void)sock, (void)cause;
  must(false);
}

void foal__tcp_received(foal__tcp *owner, foal_buf **b)
{
  size_t len = foal_buf_len(*b);
  must(len > 0 && owner->heard_len + len < HEARD_MAX);
  memcpy(owner->heard + owner->heard_len, foal_buf_data(*b), len);
  owner->heard_len += len;
  owner->received++;
  foal_buf_drop(b);
  done();
}

void foal__tcp_ended(foal__tcp *owner, foal__cause cause)
{
  owner->ended++;
  owner->end = cause;
  done();
}

void foal__tcp_wrote(foal__tcp *owner, foal_buf **b, foal__cause cause)
{
  foal_buf_drop(b);
  owner->write_end = cause;
  owner->wrote++;
  done();
}

void foal__tcp_closed(foal__tcp *owner, foal__sock *sock)
{
  must(sock == owner->sock);
  owner->closed++;
}

void foal__listening_ready(foal__listening *owner)
{
  (void)owner;
  must(false);
}

/* ---- the actor ---- */

typedef struct driver {
  char unused;
} driver;
FOAL_TAG(driver)
FOAL_ACTOR(driver)
FOAL_BEHAVIOUR0(driver, begin)
FOAL_TIMER(driver, tick)

static int ours, theirs; /* the two ends of a connection */
static sem_t may_read;   /* the thread at the other one */
static foal_err adopted;
static void (*begin_hook)(void);
static void (*tick_hook)(void);

static void driver_on_begin(driver *self)
{
  must(foal__sock_new(&events.sock, &events));
  adopted = foal__sock_adopt(events.sock, ours).err;
  if (adopted != FOAL_OK) {
    foal__sock_close(events.sock, false);
    return;
  }
  begin_hook();
  if (tick_hook != NULL) (void)driver_tick_after(self, TICK_MS);
}

static void driver_on_tick(driver *self)
{
  (void)self;
  tick_hook();
}

/* A connection whose ends both wait, as descriptors do unless told otherwise. What the
 * system holds for it does not grow. */
static void connect_ends(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET};
  socklen_t len = sizeof sa;
  int small = 65536;
  sem_init(&may_read, 0, 0);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  must(bind(listener, (struct sockaddr *)&sa, sizeof sa) == 0);
  must(listen(listener, 1) == 0);
  must(getsockname(listener, (struct sockaddr *)&sa, &len) == 0);
  theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(setsockopt(theirs, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
  must(connect(theirs, (struct sockaddr *)&sa, sizeof sa) == 0);
  ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  must(ours >= 0 && (fcntl(ours, F_GETFL) & O_NONBLOCK) == 0);
  (void)close(listener);
}

/* Drives `ours` to its end, beside a thread. */
static void drive(void (*begin)(void), void *(*thread)(void *))
{
  static const foal_options options = {.workers = 1, .keep_signals = true};
  driver_tag one;
  pthread_t other = pthread_self();
  foal_counters c;
  begin_hook = begin;
  cr_assert_eq(foal_start(&options), FOAL_OK);
  cr_assert(driver_spawn(&one));
  driver_begin(one);
  if (thread != NULL) cr_assert_eq(pthread_create(&other, NULL, thread, NULL), 0);
  cr_assert_eq(foal_run(), 0);
  if (thread != NULL) pthread_join(other, NULL);
  if (theirs > 0) (void)close(theirs);
  foal_counters_read(&c);
  cr_assert_eq(c.handles_live, 0);
  cr_assert_eq(c.bufs_live, 0);
  cr_assert_eq(events.closed, 1);
}

/* ---- receiving ---- */

static void reads(void)
{
  foal__sock_read(events.sock, true);
}

static void nothing_came(void)
{
  must(events.received == 0 && events.ended == 0);
  foal__sock_close(events.sock, false);
}

Test(conf_socket, RecvOnEmptyBlockingSocketDoesNotWait)
{
  connect_ends();
  tick_hook = nothing_came;
  drive(reads, NULL);
  cr_assert_eq(adopted, FOAL_OK);
}

Test(conf_socket, RecvOnBlockingSocketReadsAvailableData)
{
  connect_ends();
  cr_assert_eq(send(theirs, "hello", 5, 0), 5);
  drive(reads, NULL);
  cr_assert_eq(events.received, 1);
  cr_assert_str_eq(events.heard, "hello");
}

static void reset_theirs(void)
{
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  cr_assert_eq(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  (void)close(theirs);
  theirs = -1;
}

/* Pony has one error for both; here a FIN is an orderly end, which a reset is not. */
Test(conf_socket, RecvOnPeerClosedSocketReturnsError)
{
  connect_ends();
  (void)close(theirs);
  theirs = -1;
  drive(reads, NULL);
  cr_assert_eq(events.ended, 1);
  cr_assert_eq(events.end.err, FOAL_CLEAN);

  memset(&events, 0, sizeof events);
  connect_ends();
  reset_theirs();
  drive(reads, NULL);
  cr_assert_eq(events.ended, 1);
  cr_assert_eq(events.end.err, FOAL_RESET);
  cr_assert_eq(events.received, 0);
}

/* It is refused when it is adopted: there is never a sock to read from or to write to. */
Test(conf_socket, a_closed_descriptor_is_not_adopted)
{
  ours = NO_FD;
  cr_assert_eq(fcntl(ours, F_GETFD), -1);
  drive(reads, NULL);
  cr_assert_eq(adopted, FOAL_IO);
  cr_assert_eq(events.received + events.ended + events.wrote, 0);
}

/* ---- sending ---- */

static uint8_t pattern_at(size_t i)
{
  return (uint8_t)(i * 31 + (i >> 8) * 7);
}

static void write_bytes(size_t len)
{
  foal_buf *b;
  if (!foal_buf_new(&b, len)) abort();
  uint8_t *bytes = foal_buf_tail(b);
  for (size_t i = 0; i < len; i++) bytes[i] = pattern_at(i);
  foal_buf_extend(b, len);
  foal__sock_write(events.sock, &b);
}

static void writes_few(void)
{
  write_bytes(5);
}

static void read_pieces(uint32_t pieces, size_t bytes)
{
  static uint8_t heard[BIG_BYTES];
  for (; pieces > 0; pieces--) {
    must(recv(theirs, heard, bytes, MSG_WAITALL) == (ssize_t)bytes);
    for (size_t i = 0; i < bytes; i++) must(heard[i] == pattern_at(i));
  }
}

Test(conf_socket, SendOnBlockingSocketWritesData)
{
  connect_ends();
  drive(writes_few, NULL);
  cr_assert_eq(events.wrote, 1);
  cr_assert_eq(events.write_end.err, FOAL_OK);
}

static atomic_uint pieces_written;

/* Until the system takes no more: the call comes back, `wrote` does not. */
static void writes_until_full(void)
{
  stays_open = true;
  uint32_t n = 0;
  while (events.wrote == n) {
    write_bytes(BIG_BYTES);
    n++;
    if (events.wrote < n) break;
  }
  must(n < 100);
  pieces_written = n;
}

static void still_full(void)
{
  must(events.wrote == pieces_written - 1);
  must(foal__sock_unacked(events.sock) > 0);
  stays_open = false; /* the last `wrote` closes */
  sem_post(&may_read);
}

static void *reads_pieces_later(void *unused)
{
  (void)unused;
  while (sem_wait(&may_read) != 0) {
  }
  read_pieces(pieces_written, BIG_BYTES);
  return NULL;
}

Test(conf_socket, SendOnFullBlockingSocketDoesNotWait)
{
  connect_ends();
  tick_hook = still_full;
  drive(writes_until_full, reads_pieces_later);
  cr_assert_eq(events.wrote, pieces_written);
  cr_assert_eq(events.write_end.err, FOAL_OK);
}

static void writes_much(void)
{
  write_bytes(BIG_BYTES);
  must(events.wrote == 0);
  sem_post(&may_read);
}

static void *reads_a_part_first(void *unused)
{
  (void)unused;
  uint8_t first;
  while (sem_wait(&may_read) != 0) {
  }
  must(recv(theirs, &first, 1, MSG_PEEK) == 1); /* a part is there already */
  read_pieces(1, BIG_BYTES);
  return NULL;
}

/* Who writes gives everything at once and hears when all of it was taken. */
Test(conf_socket, SendWithOversizedPayloadWritesPartially)
{
  connect_ends();
  drive(writes_much, reads_a_part_first);
  cr_assert_eq(events.wrote, 1);
  cr_assert_eq(events.write_end.err, FOAL_OK);
}

static void writes_twice(void)
{
  stays_open = true;
  write_bytes(5);
  must(events.wrote == 1 && events.write_end.err == FOAL_RESET);
  stays_open = false;
  write_bytes(5);
}

/* The second one would raise SIGPIPE in a program that had not said otherwise. */
Test(conf_socket, SendOnPeerClosedSocketReturnsError)
{
  connect_ends();
  reset_theirs();
  drive(writes_twice, NULL);
  cr_assert_eq(events.wrote, 2);
  cr_assert_eq(events.write_end.err, FOAL_RESET);
}

/* ---- the end ---- */

static void looks_for_the_end(void)
{
  char byte;
  must(!foal__sock_ended(events.sock));
  must(send(theirs, "x", 1, 0) == 1 && shutdown(theirs, SHUT_WR) == 0);
  must(!foal__sock_ended(events.sock));
  must(recv(ours, &byte, 1, 0) == 1);
  must(foal__sock_ended(events.sock));
  must(foal__sock_ended(events.sock)); /* looking takes nothing away */
  foal__sock_close(events.sock, false);
}

Test(conf_socket, the_end_is_what_is_left_behind_all_bytes)
{
  connect_ends();
  drive(looks_for_the_end, NULL);
  cr_assert_eq(events.received + events.ended, 0);
}

static bool only_finishes;

static void writes_last(void)
{
  foal_buf *b;
  stays_open = true;
  if (!foal_buf_from(&b, "hello", 5)) abort();
  foal__sock_write_last(events.sock, &b);
  must(events.wrote == 1 && events.write_end.err == FOAL_OK);
  if (only_finishes) {
    stays_open = false; /* the other end's close ends it */
    foal__sock_finish(events.sock);
    foal__sock_read(events.sock, true);
  } else {
    foal__sock_close(events.sock, false);
  }
}

static void *reads_hello(void *unused)
{
  char text[8];
  (void)unused;
  must(recv(theirs, text, 5, MSG_WAITALL) == 5 && memcmp(text, "hello", 5) == 0);
  must(recv(theirs, text, 1, 0) == 0);
  must(close(theirs) == 0);
  theirs = -1;
  return NULL;
}

/* The system may hold the bytes until then, not longer. */
Test(conf_socket, the_last_write_leaves_with_the_end)
{
  connect_ends();
  drive(writes_last, reads_hello);

  memset(&events, 0, sizeof events);
  only_finishes = true;
  connect_ends();
  drive(writes_last, reads_hello);
  cr_assert_eq(events.end.err, FOAL_CLEAN);
}

/* Nobody sets it on an accepted socket, so it must come from the one that listens. */
Test(conf_socket, accepted_sockets_send_small_writes_at_once)
{
  int listener, on = 0;
  socklen_t len = sizeof on;
  struct sockaddr_in sa = {.sin_family = AF_INET,
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  uint16_t port;
  cr_assert_eq(foal__transport_listen("127.0.0.1", 0, 1, &listener, &port).err, FOAL_OK);
  sa.sin_port = htons(port);
  theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq(connect(theirs, (struct sockaddr *)&sa, sizeof sa), 0);
  ours = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  cr_assert_eq(getsockopt(ours, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
  cr_assert_neq(on, 0);
  (void)close(ours);
  (void)close(theirs);
  (void)close(listener);
}
