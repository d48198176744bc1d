/* verdict.c - what became of a process.
 *
 * A run that fails ends its process with a result, with a signal, with the words of a
 * sanitizer, or not at all. Here all of them become one sentence, and a form of it that
 * is the same for all runs that fail in the same way. */
#include "impl/child.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *read_output(int fd)
{
  char *text = calloc(1, FOAL__SIM_OUTPUT_BYTES + 1);
  if (text == NULL) abort();
  ssize_t len = pread(fd, text, FOAL__SIM_OUTPUT_BYTES, 0);
  for (ssize_t i = 0; i < len; i++) {
    if (text[i] == '\0') text[i] = '?';
  }
  return text;
}

/* The line that says what happened: a sanitizer's first one (true), or the last. */
static bool telling_line(const char *output, char *out, size_t size)
{
  const char *best = NULL, *last = "";
  for (const char *line = output; *line != '\0' && best == NULL;) {
    size_t len = strcspn(line, "\n");
    if (len > 0) last = line;
    if (memmem(line, len, "Sanitizer: ", 11) != NULL ||
        memmem(line, len, "runtime error: ", 15) != NULL) {
      best = line;
    }
    line += len + (line[len] == '\n');
  }
  const char *line = best != NULL ? best : last;
  if (best != NULL && strncmp(line, "==", 2) == 0) {
    line += 2 + strspn(line + 2, "0123456789=");
  }
  snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
  return best != NULL;
}

static void give_reason(const foal__sim_child *c, int status, foal__sim_verdict *v)
{
  char line[256];
  bool sanitizer = telling_line(v->output, line, sizeof line);
  const char *colon = line[0] != '\0' ? ": " : "";
  char *to = v->reason;
  if (v->result.failed) {
    snprintf(to, sizeof v->reason, "%s", v->result.why);
  } else if (c->hangs) {
    snprintf(to, sizeof v->reason, "hangs: no step for %u s of CPU time, or %d s in all",
             c->hang_s, FOAL__SIM_BLOCKED_S);
  } else if (sanitizer) {
    snprintf(to, sizeof v->reason, "%s: %s",
             c->slot->busy ? "crashed" : "at the end of the process", line);
  } else if (WIFSIGNALED(status)) {
    int sig = WTERMSIG(status);
    snprintf(to, sizeof v->reason, "crashed: signal %d (%s)%s%s", sig, strsignal(sig),
             colon, line);
  } else if (c->slot->busy) {
    snprintf(to, sizeof v->reason, "crashed: the process ended with status %d%s%s",
             WEXITSTATUS(status), colon, line);
  } else {
    snprintf(to, sizeof v->reason, "crashed: status %d after the last run%s%s",
             WEXITSTATUS(status), colon, line);
  }
}

static const char *skip_number(const char *c)
{
  if (c[0] == '0' && c[1] == 'x') {
    for (c += 2; isxdigit((unsigned char)*c);) c++;
  }
  while (isdigit((unsigned char)*c)) c++;
  return c;
}

/* Numbers differ between runs that fail in the same way, but for those of signals. */
static void give_kind(foal__sim_verdict *v)
{
  size_t at = 0;
  for (const char *c = v->reason; *c != '\0';) {
    const char *after = skip_number(c);
    if (after != c && (c - v->reason < 7 || strncmp(c - 7, "signal ", 7) != 0)) {
      v->kind[at++] = '#';
      c = after;
    } else {
      v->kind[at++] = *c++;
    }
  }
  v->kind[at] = '\0';
}

void foal__sim_verdict_judge(foal__sim_verdict *v, const foal__sim_child *c, int status)
{
  v->failed = true;
  free(v->output);
  v->output = read_output(c->output);
  give_reason(c, status, v);
  give_kind(v);
}

void foal__sim_verdict_free(foal__sim_verdict *v)
{
  free(v->output);
  v->output = NULL;
}
