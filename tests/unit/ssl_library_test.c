/* ssl_library_test.c - which library context the handshakes of a thread use. */
#include "foal_test.h"
#include "ssl/impl/library.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>

/* What a thread finds: the context before, between, and after. */
typedef struct visit {
  OSSL_LIB_CTX *chosen; /* by the program, for this thread; NULL: none */
  OSSL_LIB_CTX *between;
  bool restored;
} visit;

static OSSL_LIB_CTX *present(void)
{
  OSSL_LIB_CTX *now = OSSL_LIB_CTX_set0_default(NULL);
  return now;
}

static void *go(void *arg)
{
  visit *v = (visit *)arg;
  if (v->chosen != NULL) (void)OSSL_LIB_CTX_set0_default(v->chosen);
  OSSL_LIB_CTX *outside = present();
  OSSL_LIB_CTX *before = foal__library_enter();
  v->between = present();
  foal__library_leave(before);
  v->restored = present() == outside;
  cr_expect_eq(ERR_peek_error(), 0);
  return NULL;
}

/* On a thread of its own, which has ended when this returns. */
static OSSL_LIB_CTX *visited(OSSL_LIB_CTX *chosen)
{
  pthread_t thread;
  visit v = {.chosen = chosen};
  cr_assert_eq(pthread_create(&thread, NULL, go, &v), 0);
  pthread_join(thread, NULL);
  cr_expect(v.restored, "nothing of it stays on the thread");
  return v.between;
}

static OSSL_LIB_CTX *programs(void)
{
  return OSSL_LIB_CTX_get0_global_default();
}

Test(ssl_library, the_first_thread_uses_the_context_of_the_program)
{
  visit v = {.chosen = NULL};
  go(&v);
  cr_expect_eq(v.between, programs());
  go(&v);
  cr_expect_eq(v.between, programs());
}

Test(ssl_library, each_further_thread_has_its_own_and_leaves_it_behind)
{
  visit v = {.chosen = NULL};
  go(&v);
  OSSL_LIB_CTX *second = visited(NULL);
  cr_expect_neq(second, programs());
  cr_expect_eq(visited(NULL), second, "the one of the thread that has ended");
}

Test(ssl_library, the_program_has_it_back_when_its_thread_ends)
{
  cr_expect_eq(visited(NULL), programs());
  cr_expect_eq(visited(NULL), programs());
}

Test(ssl_library, a_thread_keeps_the_context_that_the_program_chose_for_it)
{
  visit v = {.chosen = NULL};
  go(&v);
  OSSL_LIB_CTX *other = OSSL_LIB_CTX_new();
  cr_assert_not_null(other);
  cr_expect_eq(visited(other), other);
  OSSL_LIB_CTX_free(other);
}

Test(ssl_library, providers_that_the_program_loads_are_used_by_all_threads)
{
  visit v = {.chosen = NULL};
  go(&v);
  OSSL_PROVIDER *usual = OSSL_PROVIDER_load(NULL, "default");
  OSSL_PROVIDER *more = OSSL_PROVIDER_load(NULL, "base");
  cr_assert(usual != NULL && more != NULL);
  cr_expect_eq(visited(NULL), programs());
  OSSL_PROVIDER_unload(more);
  cr_expect_neq(visited(NULL), programs());
  OSSL_PROVIDER_unload(usual);
}

Test(ssl_library, so_are_its_default_properties)
{
  visit v = {.chosen = NULL};
  go(&v);
  cr_assert_eq(EVP_default_properties_enable_fips(NULL, 1), 1);
  cr_expect_eq(visited(NULL), programs());
}
