/* osslerr.c - see osslerr.h. The whole queue is walked, because libcrypto's entries lie
 * before the entry of libssl that says what happened, and a reason number means nothing
 * without its library.                                                                 */
#include "osslerr.h"

#include "check.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_MAX = 64 }; /* more than OpenSSL's queue holds: a bound for the loop */

void foal__ssl_abort(const char *file, int line, const char *text)
{
  fprintf(stderr, "foal: %s:%d: broken condition in the use of a TLS session: %s\n", file,
          line, text);
  abort();
}

void foal__ossl_drain(foal__ossl_facts *facts)
{
  foal_check(facts != NULL);
  memset(facts, 0, sizeof *facts);
  for (int i = 0; i < QUEUE_MAX; i++) {
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    if (code == 0) break;
    facts->any = code;
    if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) facts->no_memory = true;
    if (data != NULL && (flags & ERR_TXT_STRING) != 0)
      snprintf(facts->data, sizeof facts->data, "%s", data);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) continue;
    facts->newest = code;
    if (ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
      facts->no_peer_certificate = true;
  }
  ERR_clear_error();
}

const char *foal__ossl_text(unsigned long code)
{
  const char *text = ERR_reason_error_string(code);
  return text != NULL ? text : "unknown reason";
}

int foal__ossl_alert(unsigned long code)
{
  if (code == 0 || ERR_GET_LIB(code) != ERR_LIB_SSL) return -1;
  int reason = ERR_GET_REASON(code);
  if (reason < SSL_AD_REASON_OFFSET || reason > SSL_AD_REASON_OFFSET + 255) return -1;
  return reason - SSL_AD_REASON_OFFSET;
}
