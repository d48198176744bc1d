/* foal_test.c - runs the tests of one program without Criterion (see foal_test.h).
 *
 *    test_x              runs every test in a process of its own and sums up
 *    test_x suite/name   the same for the tests that match the pattern
 *    test_x --list       names them
 *    test_x --one s/n    runs one test in this process, for a debugger
 *
 * A process per test gives each one fresh globals and makes .signal and .exit_code mean
 * what they mean in Criterion. The parent has a single thread, so the fork is safe.    */
#include "foal_test.h"

#include <fnmatch.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77, EXIT_RACE = 66, SLOWER_UNDER_TSAN = 10 };

static foal_test *first, **tail = &first;
static volatile bool failed;

void foal_test_register(foal_test *test)
{
  *tail = test;
  tail = &test->next;
}

void foal_test_fail(bool fatal, const char *file, int line, const char *what)
{
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
  failed = true;
  if (fatal) _exit(EXIT_FAILURE);
}

void foal_test_skip(const char *why)
{
  fprintf(stderr, "skipped: %s\n", why);
  _exit(EXIT_SKIPPED);
}

static const foal_test_options *suite_options(const char *suite)
{
  static const foal_test_options none;
  for (const foal_test *t = first; t != NULL; t = t->next)
    if (t->name == NULL && strcmp(t->suite, suite) == 0) return &t->options;
  return &none;
}

static void full_name(const foal_test *t, char *out, size_t size)
{
  snprintf(out, size, "%s/%s", t->suite, t->name);
}

/* Runs one test here; the caller is a process that was made for it. */
static int run_one(const char *wanted)
{
  for (const foal_test *t = first; t != NULL; t = t->next) {
    char name[256];
    if (t->name == NULL) continue;
    full_name(t, name, sizeof name);
    if (strcmp(name, wanted) != 0) continue;
    const foal_test_options *suite = suite_options(t->suite);
    double timeout = t->options.timeout > 0 ? t->options.timeout : suite->timeout;
    if (timeout > 0) alarm((unsigned)(timeout * SLOWER_UNDER_TSAN) + 1);
    if (t->options.init != NULL || suite->init != NULL)
      (t->options.init != NULL ? t->options.init : suite->init)();
    t->run();
    if (t->options.fini != NULL || suite->fini != NULL)
      (t->options.fini != NULL ? t->options.fini : suite->fini)();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
  }
  fprintf(stderr, "no such test: %s\n", wanted);
  return EXIT_FAILURE;
}

static int spawn_and_wait(char *self, char *name)
{
  int status = 0;
  char one[] = "--one";
  char *argv[] = {self, one, name, NULL};
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    execv("/proc/self/exe", argv);
    _exit(127);
  }
  if (pid < 0 || waitpid(pid, &status, 0) != pid) {
    perror("cannot run a test");
    exit(EXIT_FAILURE);
  }
  return status;
}

static bool as_wanted(const foal_test *t, int status)
{
  if (t->options.signal != 0)
    return WIFSIGNALED(status) && WTERMSIG(status) == t->options.signal;
  return WIFEXITED(status) && WEXITSTATUS(status) == t->options.exit_code;
}

static void explain(const char *name, int status)
{
  if (WIFSIGNALED(status))
    fprintf(stderr, "[FAIL] %s: killed by signal %d\n", name, WTERMSIG(status));
  else if (WEXITSTATUS(status) == EXIT_RACE)
    fprintf(stderr, "[FAIL] %s: data race\n", name);
  else
    fprintf(stderr, "[FAIL] %s: exit status %d\n", name, WEXITSTATUS(status));
}

static bool matches(int argc, char **argv, const char *name)
{
  for (int i = 1; i < argc; i++)
    if (fnmatch(argv[i], name, 0) == 0) return true;
  return argc < 2;
}

int main(int argc, char **argv)
{
  int tested = 0, failing = 0, skipped = 0;
  bool race = false, list = argc == 2 && strcmp(argv[1], "--list") == 0;

  if (argc == 3 && strcmp(argv[1], "--one") == 0) return run_one(argv[2]);
  for (const foal_test *t = first; t != NULL; t = t->next) {
    char name[256];
    if (t->name == NULL || t->options.disabled || suite_options(t->suite)->disabled)
      continue;
    full_name(t, name, sizeof name);
    if (list) puts(name);
    if (list || !matches(argc, argv, name)) continue;
    int status = spawn_and_wait(argv[0], name);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
      skipped++;
      continue;
    }
    tested++;
    if (as_wanted(t, status)) continue;
    failing++;
    race = race || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RACE);
    explain(name, status);
  }
  if (list) return EXIT_SUCCESS;
  fprintf(stderr, "[====] Tested: %d | Passing: %d | Failing: %d | Skipped: %d\n", tested,
          tested - failing, failing, skipped);
  if (race) return EXIT_RACE;
  return failing > 0 || tested + skipped == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
