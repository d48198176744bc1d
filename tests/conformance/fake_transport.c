/* fake_transport.c - sockets that a test plays; see fake_transport.h.
 *
 * Events come under the poll only, as with the real ones, except the end of a write that
 * the system takes at once. Input is given when the owner reads, one segment a poll, and
 * a close is told in the poll after it. Belongs to the thread of the one worker. */
#include "fake_transport.h"

#include "foal.h"
#include "net/impl/tcp.h"
#include "runtime/impl/clock.h"
#include "runtime/impl/poller.h"
#include "runtime/impl/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_NS = 50, FIRST_FILE = 1000, BACKLOG_MAX = 64 };

struct foal__poller {
  int registered;
  bool woken;
};

struct foal__acceptor {
  foal__listening *owner; /* NULL: free */
  bool watching, closing;
};

bool (*fake_step)(unsigned n);
bool (*fake_react)(void);
fake_taking fake_taking_first;
foal__cause fake_connect_cause = {FOAL_OK, 0};
foal__cause fake_set_cause;
foal__cause fake_listen_cause = {FOAL_OK, 0};
uint8_t fake_addrs[FOAL__LOOKUP_ADDRS_MAX + 1];

static foal__poller poller;
static foal__acceptor acceptor; /* one at a time */
static foal__sock socks[FAKE_SOCKS_MAX];
static unsigned socks_count, steps_done, waiting, accepted_count;
static uint64_t now_ns = 1000000000;

static void check(bool ok, const char *what)
{
  if (ok) return;
  fprintf(stderr, "fake transport: %s\n", what);
  abort();
}

foal__sock *fake(unsigned n)
{
  check(n < socks_count, "there is no such sock");
  return &socks[n];
}

unsigned fake_count(void)
{
  return socks_count;
}

void fake_restart(void)
{
  steps_done = 0;
}

/* ---- time ---- */

uint64_t foal__clock_ns(void)
{
  now_ns += LOOK_NS;
  return now_ns;
}

uint64_t foal__clock_cycles(void)
{
  return foal__clock_ns();
}

uint64_t foal__clock_cycles_per_us(void)
{
  return 1000;
}

uint64_t fake_now_ms(void)
{
  return now_ns / 1000000;
}

void fake_pass(uint64_t ms)
{
  now_ns += ms * 1000000;
}

/* ---- the loop ---- */

FOAL_TRUSTED static bool tell_close(foal__sock *s)
{
  if (!s->closing || s->gone) return false;
  s->gone = true;
  poller.registered--;
  foal__count(FOAL__C_handles_live, -1);
  if (s->owner != NULL) foal__tcp_closed(s->owner, s);
  return true;
}

FOAL_TRUSTED static bool give_input(foal__sock *s)
{
  foal_buf *b;
  if (!s->wanted || s->closing || s->owner == NULL || s->dialing) return false;
  if (s->in_count > 0) {
    /* Without memory it is tried again, as the real one does. */
    if (!foal_buf_from(&b, s->in[s->in_first].bytes, s->in[s->in_first].len)) return true;
    free(s->in[s->in_first].bytes);
    s->in_first = (s->in_first + 1) % FAKE_SEGMENTS_MAX;
    s->in_count--;
    foal__tcp_received(s->owner, &b);
    return true;
  }
  if (s->end.err == FOAL_OK) return false;
  s->wanted = false;
  foal__tcp_ended(s->owner, s->end);
  return true;
}

FOAL_TRUSTED static bool happen(void)
{
  bool any = false;
  for (unsigned i = 0; i < socks_count; i++) {
    any |= tell_close(&socks[i]);
    while (give_input(&socks[i])) {
      any = true;
      if (!socks[i].at_once) break;
    }
  }
  if (acceptor.closing) {
    acceptor = (foal__acceptor){0};
    poller.registered--;
    foal__count(FOAL__C_handles_live, -1);
    any = true;
  }
  if (acceptor.owner != NULL && acceptor.watching && waiting > 0) {
    foal__listening_ready(acceptor.owner);
    any = true;
  }
  return any;
}

foal_err foal__poller_open(foal__poller **out, uint32_t worker)
{
  check(worker == 0, "made for one worker");
  *out = &poller;
  return FOAL_OK;
}

void foal__poller_close(foal__poller **p)
{
  check((*p)->registered == 0, "a handle is left");
  *p = NULL;
}

void foal__poller_poll(foal__poller *p, uint64_t timeout_ns)
{
  bool any = happen();
  if (any || timeout_ns == 0 || p->woken) {
    p->woken = false;
    return;
  }
  if (fake_react != NULL && fake_react()) return;
  if (fake_step != NULL && fake_step(steps_done)) {
    steps_done++;
    return;
  }
  check(timeout_ns != FOAL__POLL_FOREVER, "nothing can happen any more");
  now_ns += timeout_ns;
}

void foal__poller_wake(foal__poller *p)
{
  p->woken = true;
}

bool foal__poller_busy(const foal__poller *p)
{
  return p->registered > 0;
}

bool foal__poller_work(foal__poller *p, foal__job *job)
{
  (void)p, (void)job;
  return false;
}

foal_err foal__poller_watch_signals(foal__poller *p, void (*caught)(int signal_number))
{
  (void)p, (void)caught;
  return FOAL_OK;
}

void foal__poller_unwatch_signals(foal__poller *p)
{
  (void)p;
}

/* ---- socks ---- */

bool foal__sock_new(foal__sock **out, foal__tcp *owner)
{
  check(socks_count < FAKE_SOCKS_MAX, "too many socks");
  foal__sock *s = &socks[socks_count++];
  s->owner = owner;
  s->taking = fake_taking_first;
  poller.registered++;
  foal__count(FOAL__C_handles_live, 1);
  *out = s;
  return true;
}

foal__cause foal__sock_adopt(foal__sock *sock, int fd)
{
  sock->to = (foal__addr){
      .ip = {192, 0, 2, 1}, .port = (uint16_t)(fd - FIRST_FILE + 5000), .family = 4};
  return (foal__cause){FOAL_OK, 0};
}

foal__cause foal__sock_connect(foal__sock *sock, const foal__addr *to)
{
  sock->to = *to;
  sock->dialing = fake_connect_cause.err == FOAL_OK;
  return fake_connect_cause;
}

FOAL_TRUSTED void fake_connected(unsigned n, foal_err err)
{
  foal__sock *s = fake(n);
  check(s->dialing && !s->closing, "not connecting");
  s->dialing = false;
  foal__tcp_connected(s->owner, s, (foal__cause){err, 0});
}

void foal__sock_read(foal__sock *sock, bool on)
{
  if (!sock->closing) sock->wanted = on;
}

bool fake_reads(unsigned n)
{
  return fake(n)->wanted;
}

void fake_bytes(unsigned n, const void *bytes, size_t len)
{
  foal__sock *s = fake(n);
  check(len > 0 && s->in_count < FAKE_SEGMENTS_MAX && s->end.err == FOAL_OK,
        "no room for a segment");
  unsigned at = (s->in_first + s->in_count++) % FAKE_SEGMENTS_MAX;
  s->in[at].bytes = malloc(len);
  s->in[at].len = len;
  check(s->in[at].bytes != NULL, "out of memory");
  memcpy(s->in[at].bytes, bytes, len);
}

void fake_end(unsigned n, foal_err err)
{
  fake(n)->end = (foal__cause){err, 0};
}

foal__cause foal__sock_set(foal__sock *sock, foal_conn_option option, uint32_t value)
{
  check(option <= FOAL_CONN_SEND_BYTES, "no such option");
  if (fake_set_cause.err == FOAL_OK) sock->set[option] = value;
  return fake_set_cause;
}

foal__addr foal__sock_local(const foal__sock *sock)
{
  (void)sock;
  return (foal__addr){.ip = {192, 0, 2, 9}, .port = 4242, .family = 4};
}

/* ---- writing ---- */

/* The system takes the next bytes of the write in flight. */
static void keep(foal__sock *s, const uint8_t *bytes, size_t len)
{
  if (len == 0) return;
  s->out = realloc(s->out, s->out_len + len);
  check(s->out != NULL, "out of memory");
  memcpy(s->out + s->out_len, bytes, len);
  s->out_len += len;
}

void foal__sock_write(foal__sock *sock, foal_buf **b)
{
  check(!foal_slot_full(&sock->write), "a write is in flight");
  check(!sock->closing && !sock->finished && foal_buf_len(*b) > 0, "not to be written");
  foal__count(FOAL__C_writes, 1);
  if (sock->taking == FAKE_TAKES) {
    keep(sock, foal_buf_data(*b), foal_buf_len(*b));
    foal__tcp_wrote(sock->owner, b, (foal__cause){FOAL_OK, 0});
  } else if (sock->taking == FAKE_FAILS) {
    foal__tcp_wrote(sock->owner, b, (foal__cause){FOAL_RESET, 0});
  } else {
    sock->write_len = foal_buf_len(*b);
    sock->write_done = 0;
    foal_slot_put(&sock->write, b);
  }
}

void foal__sock_write_last(foal__sock *sock, foal_buf **b)
{
  foal__sock_write(sock, b);
}

bool foal__sock_ended(const foal__sock *sock)
{
  return sock->in_count == 0 && sock->end.err == FOAL_CLEAN;
}

size_t fake_unwritten(unsigned n)
{
  foal__sock *s = fake(n);
  return foal_slot_full(&s->write) ? s->write_len - s->write_done : 0;
}

size_t foal__sock_unacked(const foal__sock *sock)
{
  return foal_slot_full(&sock->write) ? sock->write_len - sock->write_done : 0;
}

FOAL_TRUSTED size_t fake_take(unsigned n, size_t bytes)
{
  foal__sock *s = fake(n);
  size_t left = fake_unwritten(n);
  foal_buf *b;
  if (bytes > left) bytes = left;
  if (!foal_slot_take(&s->write, &b)) return 0;
  keep(s, foal_buf_data(b) + s->write_done, bytes);
  s->write_done += bytes;
  if (bytes < left) {
    foal_slot_put(&s->write, &b);
  } else {
    foal__tcp_wrote(s->owner, &b, (foal__cause){FOAL_OK, 0});
  }
  return bytes;
}

FOAL_TRUSTED void fake_fail_write(unsigned n, foal_err err)
{
  foal__sock *s = fake(n);
  foal_buf *b;
  if (foal_slot_take(&s->write, &b)) {
    foal__tcp_wrote(s->owner, &b, (foal__cause){err, 0});
  } else {
    check(false, "no write is in flight");
  }
}

void foal__sock_finish(foal__sock *sock)
{
  check(!foal_slot_full(&sock->write), "a write is in flight");
  sock->finished = true;
}

void foal__sock_close(foal__sock *sock, bool reset)
{
  if (sock->closing) return;
  sock->closing = true;
  sock->wanted = false;
  sock->reset = reset;
  foal_slot_clear(&sock->write);
}

void foal__sock_detach(foal__sock *sock)
{
  sock->owner = NULL;
  foal__sock_close(sock, false);
}

const char *foal__cause_text(int os)
{
  (void)os;
  return "";
}

/* ---- listening ---- */

foal__cause foal__transport_listen(const char *host, uint16_t port, uint32_t backlog,
                                   int *fd, uint16_t *real_port)
{
  (void)host, (void)backlog;
  *fd = FIRST_FILE - 1;
  *real_port = port != 0 ? port : 4242;
  return fake_listen_cause;
}

foal__cause foal__acceptor_new(foal__acceptor **out, int fd, foal__listening *owner)
{
  check(fd == FIRST_FILE - 1 && acceptor.owner == NULL, "one listener at a time");
  acceptor = (foal__acceptor){.owner = owner};
  poller.registered++;
  foal__count(FOAL__C_handles_live, 1);
  *out = &acceptor;
  return (foal__cause){FOAL_OK, 0};
}

void foal__acceptor_watch(foal__acceptor *a, bool on)
{
  a->watching = on;
}

void foal__acceptor_close(foal__acceptor *a)
{
  a->closing = true;
  a->watching = false;
  a->owner = NULL;
}

foal__accepted foal__acceptor_accept(foal__acceptor *a, int *fd, foal__addr *peer,
                                     foal__cause *cause)
{
  (void)a, (void)cause;
  if (waiting == 0) return FOAL__ACCEPT_NONE;
  waiting--;
  *fd = FIRST_FILE + (int)accepted_count++;
  *peer = (foal__addr){
      .ip = {192, 0, 2, 1}, .port = (uint16_t)(*fd - FIRST_FILE + 5000), .family = 4};
  return FOAL__ACCEPTED;
}

void foal__transport_drop(int fd)
{
  check(fd >= FIRST_FILE - 1, "not a descriptor of ours");
}

uint32_t foal__transport_files_max(void)
{
  return 1024;
}

void fake_arrive(void)
{
  check(waiting < BACKLOG_MAX, "the backlog is full");
  waiting++;
}

unsigned fake_backlog(void)
{
  return waiting;
}

bool fake_watched(void)
{
  return acceptor.watching;
}

/* ---- names ---- */

bool foal__transport_lookup(const char *host, uint16_t port, foal_tag to,
                            const foal_behaviour *done)
{
  foal_buf *b;
  (void)host;
  if (!foal_buf_new(&b, FOAL__LOOKUP_ADDRS_MAX * sizeof(foal__addr))) return false;
  for (int i = 0; fake_addrs[i] != 0; i++) {
    foal__addr addr = {.ip = {192, 0, 2, fake_addrs[i]}, .port = port, .family = 4};
    (void)foal_buf_append(b, &addr, sizeof addr);
  }
  foal__post_buf(to, done, &b);
  return true;
}
