/* log_test.c - one line for a human, whatever stands in it. */
#include "aborts.h"

#include "../../runtime/log.h"

static char lines[8][600];
static foal_log_level levels[8];
static size_t count;

static void keep(foal_log_level level, const char *line)
{
  if (count == 8) abort();
  levels[count] = level;
  snprintf(lines[count++], sizeof lines[0], "%s", line);
}

TestSuite(log, .timeout = 20);

Test(log, sink_gets_level_and_text)
{
  foal_log_sink(keep);
  foal_log(FOAL_LOG_WARNING, "port %d: %s", 443, "busy");
  cr_assert_eq(count, 1);
  cr_expect_eq(levels[0], FOAL_LOG_WARNING);
  cr_expect_str_eq(lines[0], "port 443: busy");
}

Test(log, threshold_holds_back)
{
  foal_log_sink(keep);
  foal_log(FOAL_LOG_INFO, "by default this is too little");
  cr_expect_eq(count, 0);
  foal_log_threshold(FOAL_LOG_DEBUG);
  foal_log(FOAL_LOG_DEBUG, "now it is not");
  cr_expect_eq(count, 1);
  foal_log_threshold(FOAL_LOG_ERROR);
  foal_log(FOAL_LOG_WARNING, "too little");
  foal_log(FOAL_LOG_ERROR, "enough");
  cr_expect_eq(count, 2);
}

Test(log, text_of_a_peer_forges_nothing)
{
  foal_log_sink(keep);
  foal_log(FOAL_LOG_ERROR, "name '%s'", "a\nfoal: error: b\r\x1b[31m\x7f\t\xc3\xa4");
  cr_expect_str_eq(lines[0], "name 'a?foal: error: b??[31m??\xc3\xa4'");
}

Test(log, long_lines_are_cut)
{
  char text[2000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  foal_log_sink(keep);
  foal_log(FOAL_LOG_ERROR, "%s", text);
  cr_expect_eq(strlen(lines[0]), 511);
}

static void to_standard_error(void)
{
  char text[2000];
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  foal_log_sink(keep);
  foal_log_sink(NULL);
  foal_log_threshold(FOAL_LOG_DEBUG);
  foal_log(FOAL_LOG_ERROR, "one");
  foal_log(FOAL_LOG_WARNING, "two");
  foal_log(FOAL_LOG_INFO, "three");
  foal_log(FOAL_LOG_DEBUG, "four");
  foal_log(FOAL_LOG_ERROR, "%s", text);
}

Test(log, goes_to_standard_error_by_default)
{
  char text[ABORTS_TEXT_BYTES];
  const char *wanted = "foal: error: one\nfoal: warning: two\nfoal: info: three\n"
                       "foal: debug: four\nfoal: error: yyyy";
  cr_assert_eq(run_apart(to_standard_error, text), 0);
  cr_expect_eq(strncmp(text, wanted, strlen(wanted)), 0, "%s", text);
  cr_expect_eq(text[strlen(text) - 1], '\n', "a cut line ends too");
}
