/* foal_test.h - what every unit test includes: Criterion, or plain functions in its
 * place.
 *
 * Criterion cannot run under ThreadSanitizer, because both want the same address range.
 * With FOAL_PLAIN_TESTS the same test sources are built on foal_test.c instead: every
 * test runs in a process of its own, one after another, in the order of the file. A
 * failed assertion ends its process; a data race makes it exit with 66.
 *
 * Understood in both forms: Test with .signal .exit_code .timeout .init .fini .disabled
 * .description, TestSuite, cr_assert and cr_expect with _eq _neq _lt _leq _gt _geq _null
 * _not_null _str_eq _str_neq _arr_eq _arr_neq _float_eq _not _fail, cr_log_info,
 * cr_skip_test. Messages of assertions are printed by Criterion only.                  */
#ifndef FOAL_TEST_H
#define FOAL_TEST_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
/* Test() makes variables with external linkage. */
#  pragma clang diagnostic ignored "-Wmissing-variable-declarations"
#endif

#ifndef FOAL_PLAIN_TESTS
#  include <criterion/criterion.h>
#else

typedef struct foal_test_options {
  int sentinel_;
  int signal;
  int exit_code;
  double timeout;
  bool disabled;
  const char *description;
  void (*init)(void);
  void (*fini)(void);
} foal_test_options;

typedef struct foal_test foal_test;
struct foal_test {
  const char *suite;
  const char *name; /* NULL: options of the whole suite */
  void (*run)(void);
  foal_test_options options;
  foal_test *next;
};

void foal_test_register(foal_test *test);
void foal_test_fail(bool fatal, const char *file, int line, const char *what);
void foal_test_skip(const char *why);

#  define FOAL_REGISTER_(id, suite, name, fn, ...)                                       \
    static foal_test id = {suite, name, fn, {__VA_ARGS__}, NULL};                        \
    __attribute__((constructor)) static void id##_register(void)                         \
    {                                                                                    \
      foal_test_register(&id);                                                           \
    }
#  define FOAL_TEST_(suite, name, ...)                                                   \
    static void suite##_##name##_test(void);                                             \
    FOAL_REGISTER_(suite##_##name##_entry, #suite, #name, suite##_##name##_test,         \
                   __VA_ARGS__)                                                          \
    static void suite##_##name##_test(void)
#  define FOAL_SUITE_(suite, ...)                                                        \
    FOAL_REGISTER_(suite##_suite_entry, #suite, NULL, NULL, __VA_ARGS__)                 \
    struct foal_test_semicolon_

/* Designators may come in any order and twice; sentinel_ only ends the argument list. */
#  pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#  define Test(...)      FOAL_TEST_(__VA_ARGS__, .sentinel_ = 0)
#  define TestSuite(...) FOAL_SUITE_(__VA_ARGS__, .sentinel_ = 0)

#  define FOAL_CHECK_(fatal, ok, what)                                                   \
    ((ok) ? (void)0 : foal_test_fail(fatal, __FILE__, __LINE__, what))
#  define FOAL_ONE_(fatal, what, op, a, ...)    FOAL_CHECK_(fatal, op(a), what)
#  define FOAL_TWO_(fatal, what, op, a, b, ...) FOAL_CHECK_(fatal, (a)op(b), what)
#  define FOAL_STR_(fatal, what, op, a, b, ...)                                          \
    FOAL_CHECK_(fatal, strcmp(a, b) op 0, what)
#  define FOAL_ARR_(fatal, what, op, a, b, n, ...)                                       \
    FOAL_CHECK_(fatal, memcmp(a, b, n) op 0, what)
#  define FOAL_FLOAT_(fatal, what, op, a, b, e, ...)                                     \
    FOAL_CHECK_(fatal, (a) - (b)op(e) && (b) - (a)op(e), what)

#  define cr_assert(...)     FOAL_ONE_(true, #  __VA_ARGS__, , __VA_ARGS__, 0)
#  define cr_assert_not(...) FOAL_ONE_(true, "not " #  __VA_ARGS__, !, __VA_ARGS__, 0)
#  define cr_assert_null(...)                                                            \
    FOAL_ONE_(true, "null " #__VA_ARGS__, NULL ==, __VA_ARGS__, 0)
#  define cr_assert_not_null(...)                                                        \
    FOAL_ONE_(true, "not null " #__VA_ARGS__, NULL !=, __VA_ARGS__, 0)
#  define cr_assert_eq(...)  FOAL_TWO_(true, "eq " #  __VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_assert_neq(...) FOAL_TWO_(true, "neq " #  __VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_assert_lt(...)  FOAL_TWO_(true, "lt " #  __VA_ARGS__, <, __VA_ARGS__, 0)
#  define cr_assert_leq(...) FOAL_TWO_(true, "leq " #  __VA_ARGS__, <=, __VA_ARGS__, 0)
#  define cr_assert_gt(...)  FOAL_TWO_(true, "gt " #  __VA_ARGS__, >, __VA_ARGS__, 0)
#  define cr_assert_geq(...) FOAL_TWO_(true, "geq " #  __VA_ARGS__, >=, __VA_ARGS__, 0)
#  define cr_assert_str_eq(...)                                                          \
    FOAL_STR_(true, "str_eq " #__VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_assert_str_neq(...)                                                         \
    FOAL_STR_(true, "str_neq " #__VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_assert_arr_eq(...)                                                          \
    FOAL_ARR_(true, "arr_eq " #__VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_assert_arr_neq(...)                                                         \
    FOAL_ARR_(true, "arr_neq " #__VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_assert_float_eq(...)                                                        \
    FOAL_FLOAT_(true, "float_eq " #__VA_ARGS__, <=, __VA_ARGS__, 0)
#  define cr_assert_fail(...)                                                            \
    foal_test_fail(true, __FILE__, __LINE__, "fail " #__VA_ARGS__)

#  define cr_expect(...)     FOAL_ONE_(false, #  __VA_ARGS__, , __VA_ARGS__, 0)
#  define cr_expect_not(...) FOAL_ONE_(false, "not " #  __VA_ARGS__, !, __VA_ARGS__, 0)
#  define cr_expect_null(...)                                                            \
    FOAL_ONE_(false, "null " #__VA_ARGS__, NULL ==, __VA_ARGS__, 0)
#  define cr_expect_not_null(...)                                                        \
    FOAL_ONE_(false, "not null " #__VA_ARGS__, NULL !=, __VA_ARGS__, 0)
#  define cr_expect_eq(...)  FOAL_TWO_(false, "eq " #  __VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_expect_neq(...) FOAL_TWO_(false, "neq " #  __VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_expect_lt(...)  FOAL_TWO_(false, "lt " #  __VA_ARGS__, <, __VA_ARGS__, 0)
#  define cr_expect_leq(...) FOAL_TWO_(false, "leq " #  __VA_ARGS__, <=, __VA_ARGS__, 0)
#  define cr_expect_gt(...)  FOAL_TWO_(false, "gt " #  __VA_ARGS__, >, __VA_ARGS__, 0)
#  define cr_expect_geq(...) FOAL_TWO_(false, "geq " #  __VA_ARGS__, >=, __VA_ARGS__, 0)
#  define cr_expect_str_eq(...)                                                          \
    FOAL_STR_(false, "str_eq " #__VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_expect_str_neq(...)                                                         \
    FOAL_STR_(false, "str_neq " #__VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_expect_arr_eq(...)                                                          \
    FOAL_ARR_(false, "arr_eq " #__VA_ARGS__, ==, __VA_ARGS__, 0)
#  define cr_expect_arr_neq(...)                                                         \
    FOAL_ARR_(false, "arr_neq " #__VA_ARGS__, !=, __VA_ARGS__, 0)
#  define cr_expect_float_eq(...)                                                        \
    FOAL_FLOAT_(false, "float_eq " #__VA_ARGS__, <=, __VA_ARGS__, 0)
#  define cr_expect_fail(...)                                                            \
    foal_test_fail(false, __FILE__, __LINE__, "fail " #__VA_ARGS__)

#  define cr_log_info(...)  (printf(__VA_ARGS__), (void)putchar('\n'))
#  define cr_log_warn(...)  cr_log_info(__VA_ARGS__)
#  define cr_log_error(...) cr_log_info(__VA_ARGS__)
#  define cr_skip_test(...) foal_test_skip(#  __VA_ARGS__)
#endif

#endif
