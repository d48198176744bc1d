/* alpn_test.c - the ALPN list codec and the matcher. */
#include "foal_test.h"
#include "ssl/impl/alpn.h"

#include <stdlib.h>
#include <string.h>

static const char *const two[] = {"h2", "http/1.1"};
static const uint8_t two_wire[] = "\x02h2\x08http/1.1";
enum { TWO_LEN = sizeof two_wire - 1 };

/* _ALPNProtocolList.from_array */
Test(alpn, packs_names_with_their_lengths)
{
  foal__alpn list = {0};
  cr_assert_eq(foal__alpn_set(&list, two, 2), FOAL_OK);
  cr_assert_eq(list.wire_len, TWO_LEN);
  cr_assert_arr_eq(list.wire, two_wire, TWO_LEN);
  cr_assert_eq(list.count, 2);
  foal__alpn_clear(&list);
}

Test(alpn, refuses_names_that_cannot_be_packed)
{
  char long_name[257];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[256] = '\0';
  const char *const empty[] = {"h2", ""}, *const too_long[] = {long_name, "h2"},
                    *const missing[] = {"h2", NULL};
  foal__alpn list = {0};
  cr_assert_eq(foal__alpn_set(&list, two, 2), FOAL_OK);
  cr_assert_eq(foal__alpn_set(&list, empty, 2), FOAL_BAD_ALPN);
  cr_assert_eq(foal__alpn_set(&list, too_long, 2), FOAL_BAD_ALPN);
  cr_assert_eq(foal__alpn_set(&list, missing, 2), FOAL_BAD_ALPN);
  cr_assert_eq(foal__alpn_set(&list, NULL, 2), FOAL_BAD_ALPN);
  cr_assert_eq(foal__alpn_set(&list, two, FOAL_ALPN_NAMES_MAX + 1), FOAL_BAD_ALPN);
  cr_assert_eq(list.count, 2, "a refused list changes nothing");
  long_name[255] = '\0';
  cr_assert_eq(foal__alpn_set(&list, too_long, 2), FOAL_OK, "255 bytes are allowed");
  cr_assert_eq(foal__alpn_set(&list, NULL, 0), FOAL_OK, "none empties the list");
  cr_assert_eq(list.count, 0);
  cr_assert_null(list.wire);
}

/* _ALPNProtocolList.to_array */
Test(alpn, knows_malformed_lists)
{
  cr_assert(foal__alpn_valid(two_wire, TWO_LEN));
  cr_assert_not(foal__alpn_valid(two_wire, 0), "empty");
  cr_assert_not(foal__alpn_valid(two_wire, TWO_LEN - 1), "truncated");
  cr_assert_not(foal__alpn_valid((const uint8_t *)"\0", 1), "zero length");
  cr_assert_not(foal__alpn_valid((const uint8_t *)"\x02h2\0", 4), "zero length behind");
  cr_assert_not(foal__alpn_valid((const uint8_t *)"\x02h2\x05", 4), "trailing garbage");
  cr_assert_not(foal__alpn_valid((const uint8_t *)"\xff"
                                                  "abc",
                                 4),
                "overrun");
}

/* _ALPNProtocolList.offset_of */
Test(alpn, finds_exact_names_only)
{
  size_t at = 0;
  cr_assert(foal__alpn_find(two_wire, TWO_LEN, "h2", &at));
  cr_assert_eq(at, 1);
  cr_assert(foal__alpn_find(two_wire, TWO_LEN, "http/1.1", &at));
  cr_assert_eq(at, 4);
  cr_assert_not(foal__alpn_find(two_wire, TWO_LEN, "h", &at), "a prefix");
  cr_assert_not(foal__alpn_find(two_wire, TWO_LEN, "ttp/1.1", &at), "a suffix");
  cr_assert_not(foal__alpn_find(two_wire, TWO_LEN, "http/1.10", &at), "longer");
  cr_assert_not(foal__alpn_find(two_wire, TWO_LEN, "spdy", &at), "absent");
  cr_assert_not(foal__alpn_find(two_wire, TWO_LEN, "", &at), "empty name");
  cr_assert_not(foal__alpn_find(two_wire, 0, "h2", &at), "empty list");
  cr_assert_not(foal__alpn_find((const uint8_t *)"\x09h2", 3, "h2", &at), "overrun");
  cr_assert_not(foal__alpn_find((const uint8_t *)"\0\x02h2", 4, "h2", &at),
                "zero length");
  cr_assert(foal__alpn_find((const uint8_t *)"\x01"
                                             "a\x01"
                                             "a",
                            4, "a", &at));
  cr_assert_eq(at, 1, "the first of repeats");
}

/* StandardALPNProtocolResolver, without its fall-back that RFC 7301 forbids */
Test(alpn, chooses_by_the_preference_of_the_server)
{
  size_t at = 0;
  foal__alpn ours = {0};
  cr_assert_eq(foal__alpn_set(&ours, two, 2), FOAL_OK);
  const uint8_t swapped[] = "\x08http/1.1\x02h2", other[] = "\x04spdy";
  cr_assert_str_eq(foal__alpn_choose(&ours, swapped, sizeof swapped - 1, &at), "h2");
  cr_assert_eq(at, 10);
  cr_assert_str_eq(foal__alpn_choose(&ours, swapped, 9, &at), "http/1.1");
  cr_assert_null(foal__alpn_choose(&ours, other, sizeof other - 1, &at), "no overlap");
  cr_assert_null(foal__alpn_choose(&ours, swapped, 8, &at), "malformed");
  cr_assert_null(foal__alpn_choose(&ours, swapped, 0, &at), "empty");
  cr_assert_str_eq(foal__alpn_text(&ours, (const uint8_t *)"http/1.1", 8), "http/1.1");
  cr_assert_null(foal__alpn_text(&ours, (const uint8_t *)"http/1", 6));
  foal__alpn_clear(&ours);
}

/* _ALPNProtocolList/property/roundtrip and .../offset_of/property/roundtrip */
Test(alpn, any_list_survives_packing)
{
  srand(7);
  for (int round = 0; round < 200; round++) {
    char names[FOAL_ALPN_NAMES_MAX][256];
    const char *list_of[FOAL_ALPN_NAMES_MAX];
    size_t count = 1 + (size_t)rand() % FOAL_ALPN_NAMES_MAX;
    for (size_t i = 0; i < count; i++) {
      size_t len = 1 + (size_t)rand() % 255;
      for (size_t k = 0; k < len; k++) names[i][k] = (char)(1 + rand() % 255);
      names[i][len] = '\0';
      list_of[i] = names[i];
    }
    foal__alpn list = {0};
    cr_assert_eq(foal__alpn_set(&list, list_of, count), FOAL_OK);
    cr_assert(foal__alpn_valid(list.wire, list.wire_len));
    for (size_t i = 0; i < count; i++) {
      size_t at = 0, len = strlen(names[i]);
      cr_assert(foal__alpn_find(list.wire, list.wire_len, names[i], &at));
      cr_assert_eq(list.wire[at - 1], len);
      cr_assert_arr_eq(list.wire + at, names[i], len);
      cr_assert_str_eq(foal__alpn_text(&list, list.wire + at, len), names[i]);
    }
    foal__alpn_clear(&list);
  }
}

/* No list, however damaged, is read past its end (the sanitizer looks). */
Test(alpn, damaged_lists_are_harmless)
{
  srand(8);
  foal__alpn ours = {0};
  cr_assert_eq(foal__alpn_set(&ours, two, 2), FOAL_OK);
  for (int round = 0; round < 5000; round++) {
    size_t len = (size_t)rand() % 24, at = 0;
    uint8_t *wire = malloc(len == 0 ? 1 : len);
    cr_assert_not_null(wire);
    for (size_t i = 0; i < len; i++) wire[i] = (uint8_t)(rand() % 12);
    const char *name = foal__alpn_choose(&ours, wire, len, &at);
    cr_assert(name == NULL || at < len);
    free(wire);
  }
  foal__alpn_clear(&ours);
}
