/* verify.c - host names and the certificates they match; see impl/verify.h.
 *
 * The comparison itself is OpenSSL's, told to be strict; this file decides what is a name
 * and what is an address, because the two must never be compared with each other.      */
#include "impl/verify.h"

#include "impl/check.h"
#include "impl/osslerr.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

enum {
  LABEL_MAX = 63,
  STRICT = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Letters, digits, hyphen and, as in many real names, underscore. International names
 * must come in their A-label form, xn--. */
static bool is_name_char(char c)
{
  return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* What resolvers take for a number: digits, or hexadecimal ones behind 0x. */
static bool is_number(const char *label)
{
  bool hex = strncmp(label, "0x", 2) == 0;
  const char *digits = hex ? label + 2 : label;
  return digits[strspn(digits, hex ? "0123456789abcdef" : "0123456789")] == '\0';
}

/* Labels of 1 .. 63 characters with single dots between, the last one not a number: that
 * would be an address in a form that inet_pton does not take, as 127.1 or 0x7f000001. */
static bool is_name(const char *text)
{
  const char *label = text;
  for (; *text != '\0'; text++) {
    if (*text == '.') {
      if (text == label) return false;
      label = text + 1;
    } else if (!is_name_char(*text) || text - label >= LABEL_MAX) {
      return false;
    }
  }
  return text > label && !is_number(label);
}

static bool parse_address(foal__host *host)
{
  char bare[FOAL__HOST_MAX + 3];
  memcpy(bare, host->text, sizeof bare);
  bare[strcspn(bare, "%")] = '\0';
  if (inet_pton(AF_INET, host->text, host->address) == 1)
    host->address_len = 4;
  else if (inet_pton(AF_INET6, bare, host->address) == 1)
    host->address_len = 16;
  else
    return false;
  memcpy(host->text, bare, sizeof bare);
  host->kind = FOAL__HOST_ADDRESS;
  return true;
}

void foal__host_parse(foal__host *host, const char *text)
{
  foal_check(host != NULL);
  memset(host, 0, sizeof *host);
  size_t len = text == NULL ? 0 : strnlen(text, FOAL__HOST_MAX + 2);
  host->kind = len == 0 ? FOAL__HOST_NONE : FOAL__HOST_BAD;
  if (len == 0 || len > FOAL__HOST_MAX + 1) return;
  for (size_t i = 0; i < len; i++) host->text[i] = lower(text[i]);
  if (parse_address(host)) return;
  if (host->text[len - 1] == '.') host->text[len - 1] = '\0';
  if (strlen(host->text) > FOAL__HOST_MAX || !is_name(host->text)) return;
  host->kind = FOAL__HOST_NAME;
}

bool foal__pattern_parse(foal__host *host, const char *text)
{
  bool wildcard = text != NULL && strncmp(text, "*.", 2) == 0;
  foal__host_parse(host, wildcard ? text + 2 : text);
  if (host->kind != FOAL__HOST_NAME) return false;
  if (!wildcard) return true;
  if (strchr(host->text, '.') == NULL) return false;
  if (strlen(host->text) + 2 > FOAL__HOST_MAX) return false;
  memmove(host->text + 2, host->text, strlen(host->text) + 1);
  memcpy(host->text, "*.", 2);
  return true;
}

bool foal__verify_expect(SSL *tls, const foal__host *host)
{
  foal_check(host->kind == FOAL__HOST_NAME || host->kind == FOAL__HOST_ADDRESS);
  X509_VERIFY_PARAM *param = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(param, STRICT);
  if (host->kind == FOAL__HOST_NAME)
    return X509_VERIFY_PARAM_set1_host(param, host->text, strlen(host->text)) == 1;
  return X509_VERIFY_PARAM_set1_ip(param, host->address, host->address_len) == 1;
}

bool foal__verify_matches(X509 *cert, const foal__host *host)
{
  int found = 0;
  if (cert == NULL) return false;
  if (host->kind == FOAL__HOST_NAME)
    found = X509_check_host(cert, host->text, strlen(host->text), STRICT, NULL);
  else if (host->kind == FOAL__HOST_ADDRESS)
    found = X509_check_ip(cert, host->address, host->address_len, STRICT);
  foal__ossl_clear();
  return found == 1;
}
