/* options_test.c - options of the runtime on a program's command line. */
#include "aborts.h"

#include "../../runtime/sched.h"

typedef struct line {
  int argc;
  char *argv[8];
} line;

/* Arguments are never written to, only moved. */
static line line_of(const char *const *args)
{
  line l = {1, {(char *)(uintptr_t) "program"}};
  for (; *args != NULL; args++) l.argv[l.argc++] = (char *)(uintptr_t)*args;
  return l;
}
#define LINE(...) line_of((const char *const[]){__VA_ARGS__, NULL})

Test(options, are_taken_and_removed)
{
  line l = LINE("--foal-workers=3", "-v", "--foal-mailbox=65535", "--foal-spin-us=0",
                "--foal-batch-us=7", "file");
  foal_options o = {.spin_us = 5};
  cr_assert_eq(foal_options_from(&o, &l.argc, l.argv), FOAL_OK);
  cr_expect_eq(o.workers, 3);
  cr_expect_eq(o.mailbox_messages, 65535);
  cr_expect_eq(o.spin_us, 0);
  cr_expect_eq(o.batch_us, 7);
  cr_expect_eq(o.batch_messages, 0);
  cr_expect_eq(o.drain_ms, 0);
  cr_assert_eq(l.argc, 3);
  cr_expect_str_eq(l.argv[0], "program");
  cr_expect_str_eq(l.argv[1], "-v");
  cr_expect_str_eq(l.argv[2], "file");
  cr_expect_null(l.argv[3]);
}

Test(options, all_are_known)
{
  line l = LINE("--foal-batch=1000000", "--foal-drain-ms=3600000");
  foal_options o = {0};
  cr_assert_eq(foal_options_from(&o, &l.argc, l.argv), FOAL_OK);
  cr_expect_eq(o.batch_messages, 1000000);
  cr_expect_eq(o.drain_ms, 3600000);
  cr_expect_eq(l.argc, 1);
}

Test(options, a_program_without_arguments_is_left_alone)
{
  char *argv[] = {NULL};
  int argc = 0;
  foal_options o = {.workers = 2};
  cr_expect_eq(foal_options_from(&o, &argc, argv), FOAL_OK);
  cr_expect_eq(argc, 0);
  cr_expect_eq(o.workers, 2);
}

static const char *bad;

static void refuse(void)
{
  line l = LINE(bad);
  foal_options o = {0};
  _exit(foal_options_from(&o, &l.argc, l.argv) == FOAL_BAD_ARGUMENT ? 7 : 8);
}

Test(options, nonsense_is_refused_with_a_reason)
{
  static const char *const table[][2] = {
      {"--foal-workers=0", "takes a number from 1 to 64, not '0'"},
      {"--foal-workers=65", "from 1 to 64, not '65'"},
      {"--foal-workers=", "not ''"},
      {"--foal-workers=two", "not 'two'"},
      {"--foal-workers=2x", "not '2x'"},
      {"--foal-workers=-1", "not '-1'"},
      {"--foal-workers=+1", "not '+1'"},
      {"--foal-workers= 1", "not ' 1'"},
      {"--foal-mailbox=65536", "from 1 to 65535"},
      {"--foal-mailbox=99999999999999999999999", "from 1 to 65535"},
      {"--foal-workers", "unknown option '--foal-workers'; known: --foal-workers=N"},
      {"--foal-speed=9", "unknown option '--foal-speed=9'"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[ABORTS_TEXT_BYTES];
    bad = table[i][0];
    int status = run_apart(refuse, text);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7, "%s", bad);
    cr_expect_not_null(strstr(text, table[i][1]), "%s says: %s", bad, text);
    cr_expect_eq(text[strlen(text) - 1], '\n');
  }
}

Test(options, of_the_code_are_checked_too)
{
  foal_options wrong[] = {{.workers = FOAL_WORKERS_MAX + 1},
                          {.batch_messages = 2000000},
                          {.batch_us = 2000000},
                          {.mailbox_messages = 65536},
                          {.spin_us = 2000000}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    cr_expect_eq(foal_start(&wrong[i]), FOAL_BAD_ARGUMENT, "%zu", i);
  }
}
