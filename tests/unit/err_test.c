/* err_test.c - every code has a name and a sentence, and no number breaks them. */
#include "../foal_test.h"

#include "../../runtime/err.h"

Test(err, every_code_has_its_name)
{
  cr_assert_str_eq(foal_err_name(FOAL_OK), "FOAL_OK");
  cr_assert_str_eq(foal_err_name(FOAL_NO_MEMORY), "FOAL_NO_MEMORY");
  cr_assert_str_eq(foal_err_name(FOAL_STOPPED), "FOAL_STOPPED");
  cr_assert_eq(FOAL_OK, 0);
}

Test(err, sentences_are_for_people)
{
  for (int i = 0; i < FOAL_ERR_COUNT; i++) {
    const char *text = foal_err_text((foal_err)i);
    cr_assert_gt(strlen(text), 5, "%d", i);
    cr_assert_neq(text[strlen(text) - 1], '.', "%s", text);
    for (int k = 0; k < i; k++) {
      cr_assert_str_neq(text, foal_err_text((foal_err)k));
      cr_assert_str_neq(foal_err_name((foal_err)i), foal_err_name((foal_err)k));
    }
  }
}

Test(err, other_numbers_are_safe)
{
  int wild[] = {-1, FOAL_ERR_COUNT, 1 << 30};
  for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
    foal_err err;
    memcpy(&err, &wild[i], sizeof err);
    cr_assert_str_eq(foal_err_name(err), "FOAL_?");
    cr_assert_str_eq(foal_err_text(err), "unknown error");
  }
}
