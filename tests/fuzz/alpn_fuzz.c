/* alpn_fuzz.c - lists of application protocols, against the plainest way to say what they
 * mean.
 *
 * The input: how many names of ours, each with its length; the rest is a peer's list as
 * it came, broken or not. The reference takes a list apart into a table first.         */
#include "input.h"
#include "ssl/impl/alpn.h"

#include <string.h>

enum { OURS_MAX = FOAL_ALPN_NAMES_MAX + 2, THEIRS_MAX = 1024 };

typedef struct names {
  const uint8_t *at[THEIRS_MAX];
  size_t len[THEIRS_MAX];
  size_t count;
  bool good;
} names;

/* Takes a list apart by the words of RFC 7301 3.1. */
static void take_apart(names *list, const uint8_t *wire, size_t len)
{
  list->count = 0;
  list->good = len > 0;
  while (len > 0) {
    size_t n = wire[0];
    if (n == 0 || n > len - 1) {
      list->good = false;
      return;
    }
    list->at[list->count] = wire + 1;
    list->len[list->count++] = n;
    wire += 1 + n;
    len -= 1 + n;
  }
}

static bool holds(const names *list, const char *name, size_t *which)
{
  for (*which = 0; *which < list->count; ++*which)
    if (list->len[*which] == strlen(name) &&
        memcmp(list->at[*which], name, strlen(name)) == 0)
      return true;
  return false;
}

static void check_choice(const foal__alpn *ours, char *const *texts, const uint8_t *wire,
                         size_t len)
{
  names theirs;
  size_t which = 0, offset = SIZE_MAX;
  take_apart(&theirs, wire, len);
  promise(foal__alpn_valid(wire, len) == theirs.good);
  const char *chosen = foal__alpn_choose(ours, wire, len, &offset), *expected = NULL;
  for (size_t i = 0; i < ours->count && expected == NULL && theirs.good; i++)
    if (holds(&theirs, texts[i], &which)) expected = texts[i];
  promise((chosen == NULL) == (expected == NULL));
  if (chosen == NULL) return;
  promise(strcmp(chosen, expected) == 0);
  promise(offset == (size_t)(theirs.at[which] - wire));
  promise(chosen >= ours->texts && chosen < ours->texts + ours->wire_len);
}

/* Each name of theirs is looked up among ours and back; a broken list is good up to its
 * break. */
static void check_names(const foal__alpn *ours, char *const *texts, const uint8_t *wire,
                        size_t len)
{
  names theirs;
  size_t which, offset;
  take_apart(&theirs, wire, len);
  for (size_t i = 0; i < theirs.count; i++) {
    const char *text = foal__alpn_text(ours, theirs.at[i], theirs.len[i]);
    bool known = false;
    for (size_t k = 0; k < ours->count; k++)
      known = known || (strlen(texts[k]) == theirs.len[i] &&
                        memcmp(texts[k], theirs.at[i], theirs.len[i]) == 0);
    promise((text != NULL) == known);
    promise(text == NULL || memcmp(text, theirs.at[i], theirs.len[i]) == 0);
  }
  for (size_t k = 0; k < ours->count; k++) {
    bool found = foal__alpn_find(wire, len, texts[k], &offset);
    promise(found == holds(&theirs, texts[k], &which));
    promise(!found || wire + offset == theirs.at[which]);
  }
}

static bool acceptable(char *const *texts, size_t count)
{
  if (count > FOAL_ALPN_NAMES_MAX) return false;
  for (size_t i = 0; i < count; i++)
    if (texts[i][0] == '\0' || strlen(texts[i]) > 255) return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  fuzz_input in = {bytes, len};
  foal__alpn ours = {NULL, NULL, 0, 0};
  char *texts[OURS_MAX];
  const char *given[OURS_MAX];
  size_t count = input_byte(&in) % (OURS_MAX + 1);
  for (size_t i = 0; i < count; i++) {
    uint16_t long_too = input_byte(&in);
    if (long_too == 255) long_too = (uint16_t)(250 + input_byte(&in) % 10);
    given[i] = texts[i] = input_text(&in, long_too);
  }
  foal_err err = foal__alpn_set(&ours, given, count);
  promise(err == (acceptable(texts, count) ? FOAL_OK : FOAL_BAD_ALPN));
  promise(err == FOAL_OK || ours.count == 0);
  size_t rest = in.left < THEIRS_MAX ? in.left : THEIRS_MAX;
  /* Of its exact size, so that a sanitizer sees one byte too many. */
  uint8_t *wire = malloc(rest > 0 ? rest : 1);
  promise(wire != NULL);
  memcpy(wire, input_take(&in, &rest), rest);
  check_choice(&ours, texts, wire, rest);
  check_names(&ours, texts, wire, rest);
  if (ours.count > 0) check_choice(&ours, texts, ours.wire, ours.wire_len);
  free(wire);
  for (size_t i = 0; i < count; i++) free(texts[i]);
  foal__alpn_clear(&ours);
  return 0;
}
