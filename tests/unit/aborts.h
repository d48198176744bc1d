/* aborts.h - what a program says when it ends because of a bug in it.
 *
 * The guilty function runs in a process of its own, whose standard error is read. */
#ifndef FOAL_TESTS_UNIT_ABORTS_H
#define FOAL_TESTS_UNIT_ABORTS_H

#include "../foal_test.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef FOAL_COVERAGE
/* What ran is written at exit, and abort(3) is none. */
void __gcov_dump(void);

static inline void aborts_written(int signal_number)
{
  __gcov_dump();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}
#  define ABORTS_HANDLER aborts_written
#  define ABORTS_DUMP()  __gcov_dump()
#else
#  define ABORTS_HANDLER SIG_DFL
#  define ABORTS_DUMP()  ((void)0)
#endif

enum { ABORTS_TEXT_BYTES = 4096, ABORTS_SECONDS = 30 };

static inline void aborts_child(void (*guilty)(void), int fd)
{
  struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  signal(SIGABRT, ABORTS_HANDLER); /* the runner of the tests may have its own opinion */
  (void)dup2(fd, STDERR_FILENO);
  (void)alarm(ABORTS_SECONDS);
  guilty();
  ABORTS_DUMP();
  _exit(0);
}

/* Runs it; out gets what it wrote. Returns how it ended, as waitpid does. */
static inline int run_apart(void (*guilty)(void), char out[ABORTS_TEXT_BYTES])
{
  int fds[2], status = 0;
  size_t len = 0;
  ssize_t got;
  fflush(NULL);
  cr_assert_eq(pipe(fds), 0);
  pid_t pid = fork();
  cr_assert_geq(pid, 0);
  if (pid == 0) aborts_child(guilty, fds[1]);
  (void)close(fds[1]);
  while (len < ABORTS_TEXT_BYTES - 1 &&
         (got = read(fds[0], out + len, ABORTS_TEXT_BYTES - 1 - len)) > 0) {
    len += (size_t)got;
  }
  out[len] = '\0';
  (void)close(fds[0]);
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  return status;
}

/* The function must abort, and say each of the words. */
static inline void check_aborts(void (*guilty)(void), const char *const words[],
                                size_t count)
{
  char text[ABORTS_TEXT_BYTES];
  int status = run_apart(guilty, text);
  cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %d, text: %s",
            status, text);
  for (size_t i = 0; i < count; i++) {
    cr_assert_not_null(strstr(text, words[i]), "no '%s' in: %s", words[i], text);
  }
}

#define CHECK_ABORTS(guilty, ...)                                                        \
  check_aborts(guilty, (const char *const[]){__VA_ARGS__},                               \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#endif
