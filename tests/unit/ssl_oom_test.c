/* ssl_oom_test.c - every allocation of OpenSSL, of ssl/ and of buffers fails once, and
 * then for good. It brings the allocation seam, and is its own program: OpenSSL takes an
 * allocator only before its first use.
 *
 * Whatever fails: no crash, no leak (the sanitizer looks), nothing on the error queue,
 * and either the conversation succeeds or a session or a setter has a typed error. Every
 * n-th allocation is tried; with FOAL_TEST_EVERY set, all of them are (some minutes).  */
#include "foal_test.h"
#include "runtime/impl/alloc.h"
#include "tls/pair.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long allocations, fail_at; /* fail_at 0: never */
static bool fail_on;              /* and all that follow */
static bool counting;

static bool fails(void)
{
  if (!counting) return false;
  allocations++;
  return fail_at > 0 && (fail_on ? allocations >= fail_at : allocations == fail_at);
}

static void *test_malloc(size_t size, const char *file, int line)
{
  (void)file, (void)line;
  return fails() ? NULL : malloc(size);
}

static void *test_realloc(void *old, size_t size, const char *file, int line)
{
  (void)file, (void)line;
  if (size == 0) {
    free(old);
    return NULL;
  }
  return fails() ? NULL : realloc(old, size);
}

static const char *secret; /* must be wiped before its memory is given back; NULL: none */
static long betrayed;

static void test_free(void *old, const char *file, int line)
{
  (void)file, (void)line;
  if (secret != NULL && old != NULL &&
      memmem(old, malloc_usable_size(old), secret, strlen(secret)) != NULL)
    betrayed++;
  free(old);
}

void *foal__alloc(size_t size)
{
  return fails() ? NULL : malloc(size);
}

void *foal__alloc_aligned(size_t align, size_t size)
{
  return fails() ? NULL : aligned_alloc(align, size);
}

void foal__free(void *p)
{
  free(p);
}

static void in_test_memory(void)
{
  if (CRYPTO_set_mem_functions(test_malloc, test_realloc, test_free) != 1)
    cr_skip_test("OpenSSL was in use before the test");
}

TestSuite(ssl_oom, .init = in_test_memory, .timeout = 170);

static cast people;

static foal_ssl_ctx *try_ctx(bool server, foal_err *err)
{
  static const char *const names[] = {"h2", "http/1.1"};
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  *err = ctx == NULL ? FOAL_NO_MEMORY : FOAL_OK;
  if (*err == FOAL_OK && server)
    *err = foal_ssl_ctx_use_cert_pem(ctx, people.server->chain, people.server->key_pem);
  if (*err == FOAL_OK) *err = foal_ssl_ctx_trust_pem(ctx, people.root->pem);
  if (*err == FOAL_OK && server) *err = foal_ssl_ctx_alpn_server(ctx, names, 2);
  if (*err == FOAL_OK && !server) *err = foal_ssl_ctx_alpn_client(ctx, names, 2);
  if (*err == FOAL_OK) *err = foal_ssl_ctx_freeze(ctx);
  if (*err != FOAL_OK) foal_ssl_ctx_drop(&ctx);
  return ctx;
}

/* Carries everything there and back as it is, without memory of its own. */
static void carry(foal_ssl *a, foal_ssl *b) FOAL_TURN;

static void carry(foal_ssl *a, foal_ssl *b)
{
  foal_buf *cipher;
  for (int round = 0; round < 8; round++) {
    while (foal_ssl_send(a, &cipher)) foal_ssl_receive(b, &cipher);
    while (foal_ssl_send(b, &cipher)) foal_ssl_receive(a, &cipher);
  }
}

static foal_ssl_ticket *good_ticket; /* NULL: nothing is resumed */
static bool keep_ticket;             /* the next one there is becomes it */

static bool talk(foal_ssl *client, foal_ssl *server) FOAL_TURN;

/* A whole conversation; false: a session failed, with an error. */
static bool talk(foal_ssl *client, foal_ssl *server)
{
  foal_buf *saved;
  foal_err updated = FOAL_OK;
  bool lost = false;
  carry(client, server);
  if (foal_ssl_state(client) == FOAL_SSL_READY &&
      foal_ssl_state(server) == FOAL_SSL_READY) {
    (void)hear(client, 0);
    if (foal_ssl_save(client, &saved)) foal_buf_drop(&saved);
    foal_ssl_ticket *kept = foal_ssl_keep(client);
    foal_ssl_ticket_drop(keep_ticket ? &good_ticket : &kept);
    if (keep_ticket) good_ticket = kept;
    lost = say(client, "to the") != FOAL_OK || say(client, " server") != FOAL_OK;
    updated = foal_ssl_key_update(server, true);
    (void)say(server, "to the client");
    carry(client, server);
    (void)hear(client, 0);
    (void)hear(server, 5);
    (void)foal_ssl_peer_subject(client, NULL, 0);
    (void)foal_ssl_peer_names(client, NULL, 0);
    foal_ssl_close(client);
    carry(client, server);
    (void)hear(server, 0);
    (void)hear(server, 0);
    foal_ssl_close(server);
    carry(client, server);
    (void)hear(client, 0);
  }
  bool closed = foal_ssl_state(client) == FOAL_SSL_CLOSED &&
                foal_ssl_state(server) == FOAL_SSL_CLOSED;
  bool failed = foal_ssl_error(client) != FOAL_OK || foal_ssl_error(server) != FOAL_OK;
  cr_assert(updated == FOAL_OK || updated == FOAL_BAD_STATE);
  cr_assert(closed || failed, "it neither succeeded nor failed: %d and %d",
            (int)foal_ssl_state(client), (int)foal_ssl_state(server));
  return !failed && !lost;
}

/* What the two scenarios share: made with all the memory there is. */
static foal_ssl_ctx *good_server, *good_client;

static bool make_contexts(void) FOAL_TURN;
static bool converse(void) FOAL_TURN;

static bool make_contexts(void)
{
  foal_err err[2];
  foal_ssl_ctx *server = try_ctx(true, &err[0]), *client = try_ctx(false, &err[1]);
  foal_ssl_ctx_drop(&client);
  foal_ssl_ctx_drop(&server);
  return err[0] == FOAL_OK && err[1] == FOAL_OK;
}

static bool converse(void)
{
  foal_ssl *server = foal_ssl_server(good_server);
  foal_ssl *client = good_ticket == NULL
                         ? foal_ssl_client(good_client, "a.test")
                         : foal_ssl_client_again(good_client, "a.test", good_ticket);
  bool ok = client != NULL && server != NULL && talk(client, server);
  foal_ssl_free(&client);
  foal_ssl_free(&server);
  cr_assert_eq(foal_ssl_live_count(), 0);
  return ok;
}

static bool run(bool (*scenario)(void), long at, bool on)
{
  allocations = 0;
  fail_at = at;
  fail_on = on;
  counting = true;
  bool ok = scenario();
  counting = false;
  cr_assert_eq(ERR_peek_error(), 0);
  return ok;
}

/* The first allocation fails, the second, ... each alone or with all that follow. */
static void sweep(bool (*scenario)(void), bool resume, bool on, long step) FOAL_TURN;

static void sweep(bool (*scenario)(void), bool resume, bool on, long step)
{
  foal_err err[2];
  cast_make(&people);
  good_server = try_ctx(true, &err[0]);
  good_client = try_ctx(false, &err[1]);
  cr_assert(err[0] == FOAL_OK && err[1] == FOAL_OK);
  keep_ticket = resume;
  cr_assert(run(scenario, 0, false), "it works with memory");
  keep_ticket = false;
  cr_assert(run(scenario, 0, false));
  long all = allocations, refused = 0;
  if (getenv("FOAL_TEST_EVERY") != NULL) step = 1;
  for (long at = 1; at <= all; at += step) refused += run(scenario, at, on) ? 0 : 1;
  cr_log_info("%ld of %ld ended in an error", refused, all / step);
  cr_assert_gt(refused, all / step / 20);
  cr_assert(run(scenario, 0, false), "and works again afterwards");
  foal_ssl_ticket_drop(&good_ticket);
  foal_ssl_ctx_drop(&good_server);
  foal_ssl_ctx_drop(&good_client);
  cast_free(&people);
}

Test(ssl_oom, any_allocation_of_a_context_may_fail)
{
  turn_of_test();
  sweep(make_contexts, false, false, 23);
}

Test(ssl_oom, memory_may_end_in_a_context)
{
  turn_of_test();
  sweep(make_contexts, false, true, 23);
}

Test(ssl_oom, any_allocation_of_a_session_may_fail)
{
  turn_of_test();
  sweep(converse, false, false, 5);
}

Test(ssl_oom, memory_may_end_in_a_session)
{
  turn_of_test();
  sweep(converse, false, true, 5);
}

Test(ssl_oom, any_allocation_of_a_resumed_session_may_fail)
{
  turn_of_test();
  sweep(converse, true, false, 7);
}

/* What was read from a key file, and the keys that were made of it. */
Test(ssl_oom, ticket_keys_are_wiped_before_they_are_freed)
{
  static const char mark[] = "these words open every session  ";
  char text[81];
  snprintf(text, sizeof text, "name of the key.%s%s", mark, mark);
  char *path = cert_file(text, 0600);
  foal_ssl_ctx *ctx = foal_ssl_ctx_new();
  secret = mark;
  foal_err err = foal_ssl_ctx_ticket_key_file(ctx, path);
  foal_err again = foal_ssl_ctx_ticket_key_file(ctx, path);
  foal_ssl_ctx_drop(&ctx);
  secret = NULL;
  cr_expect_eq(err, FOAL_OK);
  cr_expect_eq(again, FOAL_OK);
  cr_expect_eq(betrayed, 0, "%ld pieces of memory still had the key", betrayed);
  (void)unlink(path);
  free(path);
}
