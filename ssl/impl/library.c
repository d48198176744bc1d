/* library.c - a library context of OpenSSL's for each thread; see library.h.
 *
 * Invariant: a `library` is with one thread, or idle and in the list; the lock guards the
 * list. None is ever freed: objects of OpenSSL's outlive the thread that made them, keys
 * remember for which contexts they were carried over. A thread that ends gives its own
 * back, so there are no more than there were threads at the same time.                 */
#include "library.h"

#include "osslerr.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>

typedef struct library {
  struct library *next;
  OSSL_LIB_CTX *own; /* NULL: that of the program */
} library;

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static CRYPTO_RWLOCK *lock; /* NULL: it could not be made, all use the program's */
static CRYPTO_THREAD_LOCAL mine;
static library first;
static library *idle = &first;
static library common; /* of all that may not have their own */

static void give_back(void *arg)
{
  library *l = (library *)arg;
  if (l == NULL || l == &common || CRYPTO_THREAD_write_lock(lock) != 1) return;
  l->next = idle;
  idle = l;
  CRYPTO_THREAD_unlock(lock);
}

static void set_up(void)
{
  CRYPTO_RWLOCK *made = CRYPTO_THREAD_lock_new();
  if (made != NULL && CRYPTO_THREAD_init_local(&mine, give_back) == 1)
    lock = made;
  else
    CRYPTO_THREAD_lock_free(made);
}

static int is_default(OSSL_PROVIDER *provider, void *arg)
{
  (void)arg;
  return strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0;
}

/* Whether the program left its library context as OpenSSL makes it. */
static bool is_untouched(void)
{
  return OSSL_PROVIDER_do_all(NULL, is_default, NULL) == 1 &&
         EVP_default_properties_is_fips_enabled(NULL) == 0;
}

/* Loading the provider now makes a lack of memory show here, not in a handshake. */
static library *make(void)
{
  library *l = OPENSSL_zalloc(sizeof *l);
  if (l == NULL) return &common;
  l->own = OSSL_LIB_CTX_new();
  if (l->own != NULL && OSSL_PROVIDER_load(l->own, "default") != NULL) return l;
  OSSL_LIB_CTX_free(l->own);
  OPENSSL_free(l);
  return &common;
}

static library *take(void)
{
  if (CRYPTO_THREAD_write_lock(lock) != 1) return &common;
  library *l = idle;
  bool any = l == &first || (l != NULL && is_untouched());
  if (any) idle = l->next;
  CRYPTO_THREAD_unlock(lock);
  if (!any) l = is_untouched() ? make() : &common;
  if (CRYPTO_THREAD_set_local(&mine, l) == 1) return l;
  give_back(l);
  return &common;
}

OSSL_LIB_CTX *foal__library_enter(void)
{
  if (CRYPTO_THREAD_run_once(&once, set_up) != 1 || lock == NULL) return NULL;
  library *l = (library *)CRYPTO_THREAD_get_local(&mine);
  if (l == NULL) {
    l = take();
    foal__ossl_clear();
  }
  if (l->own == NULL) return NULL;
  OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(l->own);
  if (before == OSSL_LIB_CTX_get0_global_default()) return before;
  /* The program has chosen one for this thread. */
  foal__library_leave(before);
  return NULL;
}

void foal__library_leave(OSSL_LIB_CTX *before)
{
  if (before != NULL) (void)OSSL_LIB_CTX_set0_default(before);
}
