/* net_resume_test.c - a connection resumes the session it was given, and no copy of the
 * secret survives in memory that is given back.
 *
 * Brings its own memory seam, which looks through every block that is freed. */
#include "net_kit.h"

#include "../../runtime/impl/alloc.h"
#include "../../ssl/info.h"

#include <stdalign.h>

TestSuite(net_resume, .timeout = 30);

enum { MARK_BYTES = 64 };

/* What must not be found: the beginning of the saved session, in front of the ticket that
 * everybody on the way may see. */
static uint8_t mark[MARK_BYTES];
static atomic_bool marked;
static atomic_uint leaks;

typedef struct block {
  alignas(64) void *whole;
  size_t size;
  struct block *next, **link; /* of those that live; there is one thread */
} block;

static block *blocks;

static void *give(size_t align, size_t size)
{
  if (align < alignof(block)) align = alignof(block);
  size_t front = (sizeof(block) + align - 1) / align * align;
  char *whole = aligned_alloc(align, (front + size + align - 1) / align * align);
  if (whole == NULL) return NULL;
  block *b = (block *)(void *)(whole + front) - 1;
  *b = (block){whole, size, blocks, &blocks};
  if (blocks != NULL) blocks->link = &b->next;
  blocks = b;
  memset(b + 1, 0, size); /* no copy of what was here before */
  return whole + front;
}

void *foal__alloc(size_t size)
{
  return give(alignof(block), size);
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  return give(align, size);
}

/* By hand: AddressSanitizer would stop memmem where the pools have ended a buffer. */
__attribute__((no_sanitize("address"))) static bool holds_mark(const uint8_t *bytes,
                                                               size_t size)
{
  for (size_t i = 0; i + MARK_BYTES <= size; i++) {
    size_t same = 0;
    while (same < MARK_BYTES && bytes[i + same] == mark[same]) same++;
    if (same == MARK_BYTES) return true;
  }
  return false;
}

void foal__free(void *p)
{
  if (p == NULL) return;
  block *b = (block *)p - 1;
  if (marked && holds_mark(p, b->size)) leaks++;
  *b->link = b->next;
  if (b->next != NULL) b->next->link = b->link;
  free(b->whole);
}

static unsigned copies(void)
{
  unsigned n = 0;
  for (block *b = blocks; b != NULL; b = b->next) {
    n += holds_mark((const uint8_t *)(b + 1), b->size);
  }
  return n;
}

/* ---- resuming ---- */

static point_plan server, client;
static foal_slot saved;
static unsigned resumed;

FOAL_TRUSTED static void call(void)
{
  point_tag tag;
  foal_buf *session;
  foal_connect_options o = {.host = "127.0.0.1",
                            .port = server.listener.port,
                            .ctx = kit_client_ctx,
                            .verify_name = "localhost",
                            .conn = {.context = &client}};
  bool again = foal_slot_take(&saved, &session);
  if (again) o.session = session;
  must(kit_try_connect(&o, &tag));
  if (again) foal_buf_drop(&session);
}

HOOK says_hello(point *self)
{
  resumed += foal_ssl_resumed(foal_conn_ssl(self->conn));
  if (marked) must(copies() == 1); /* in the settings; every other one is wiped */
  kit_stream(self, 3);
}

/* The server's ticket is there when its answer is. */
HOOK keeps(point *self, foal_buf **data)
{
  foal_buf *session;
  foal_buf_drop(data);
  if (!marked) {
    must(foal_ssl_save(foal_conn_ssl(self->conn), &session));
    must(foal_buf_len(session) > sizeof mark);
    memcpy(mark, foal_buf_data(session), sizeof mark);
    foal_slot_put(&saved, &session);
    marked = true;
  }
  foal_conn_close(self->conn);
}

HOOK calls_again(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN || why == FOAL_LOCAL);
  if (client.closed_count == 0) call();
}

Test(net_resume, the_session_of_the_options_is_resumed_and_wiped)
{
  kit_start(1);
  server.last = 2;
  client.opened = says_hello;
  client.received = keeps;
  client.closed = calls_again;
  kit_listen(&server, kit_server_ctx, NULL);
  call();
  kit_run();
  cr_assert(marked);
  cr_assert_eq(resumed, 1);
  cr_assert_eq(leaks, 0);
}

/* ---- with a ticket that stayed ---- */

static point_plan ticket_server, ticket_client;
static foal_ssl_ticket *ticket;

/* The bytes beside the ticket are no session: it goes before them. */
FOAL_TRUSTED static void call_with_ticket(void)
{
  point_tag tag;
  foal_buf *junk;
  must(foal_buf_from(&junk, "junk", 4));
  foal_connect_options o = {.host = "127.0.0.1",
                            .port = ticket_server.listener.port,
                            .ctx = kit_client_ctx,
                            .verify_name = "localhost",
                            .session = junk,
                            .ticket = ticket,
                            .conn = {.context = &ticket_client}};
  must(kit_try_connect(&o, &tag));
  foal_buf_drop(&junk);
  foal_ssl_ticket_drop(&ticket); /* the connection has a handle of its own */
}

HOOK says_hello_again(point *self)
{
  bool again = foal_ssl_resumed(foal_conn_ssl(self->conn));
  must(again == (ticket_client.closed_count == 1));
  kit_stream(self, 3);
}

HOOK keeps_ticket(point *self, foal_buf **data)
{
  foal_buf_drop(data);
  if (ticket == NULL) ticket = foal_ssl_keep(foal_conn_ssl(self->conn));
  must(ticket != NULL);
  foal_conn_close(self->conn);
}

HOOK calls_with_ticket(point *self, foal_err why)
{
  (void)self;
  must(why == FOAL_CLEAN || why == FOAL_LOCAL);
  if (ticket_client.closed_count == 0) call_with_ticket();
}

Test(net_resume, the_ticket_of_the_options_is_resumed)
{
  kit_start(1);
  ticket_server.last = 2;
  ticket_client.opened = says_hello_again;
  ticket_client.received = keeps_ticket;
  ticket_client.closed = calls_with_ticket;
  kit_listen(&ticket_server, kit_server_ctx, NULL);
  call_with_ticket();
  kit_run();
  cr_assert_eq(ticket_client.closed_count, 2);
  cr_assert_not_null(ticket);
  foal_ssl_ticket_drop(&ticket);
}
