/* foal_test_test.c - the test header itself, in both of its forms. */
#include "foal_test.h"

static int prepared;

static void prepare(void)
{
  prepared = 1;
}

TestSuite(suite_options, .init = prepare);

Test(suite_options, init_runs)
{
  cr_assert_eq(prepared, 1);
}

Test(foal_test, every_test_has_fresh_globals)
{
  cr_assert_eq(prepared, 0);
}

Test(foal_test, assertions_accept_messages)
{
  int bytes[] = {1, 2}, same[] = {1, 2};
  cr_assert(prepared == 0, "prepared is %d", prepared);
  cr_assert_str_eq("a", "a", "with a message");
  cr_assert_arr_eq(bytes, same, sizeof bytes);
  cr_assert_not_null(bytes);
  cr_assert_null(NULL);
  cr_assert_lt(1, 2);
  cr_assert_geq(2, 2);
  cr_assert_float_eq(1.0, 1.001, 0.01);
  cr_expect_neq(1, 2, "%s", "with a format");
}

Test(foal_test, abort_is_expected, .signal = SIGABRT, .timeout = 5)
{
  abort();
}

Test(foal_test, exit_code_is_expected, .exit_code = 3)
{
  exit(3);
}

Test(foal_test, disabled_does_not_run, .disabled = true)
{
  cr_assert_fail("disabled tests do not run");
}
