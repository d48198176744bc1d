/* options.c - options of the runtime on the command line of a program, as Pony has
 * them. */
#include "impl/assert.h"
#include "sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct flag {
  const char *name;
  size_t offset;
  unsigned long min, max;
} flag;

static const flag flags[] = {
    {"--foal-workers=", offsetof(foal_options, workers), 1, FOAL_WORKERS_MAX},
    {"--foal-batch=", offsetof(foal_options, batch_messages), 1, 1000000},
    {"--foal-batch-us=", offsetof(foal_options, batch_us), 1, 1000000},
    {"--foal-mailbox=", offsetof(foal_options, mailbox_messages), 1, 0xffff},
    {"--foal-spin-us=", offsetof(foal_options, spin_us), 0, 1000000},
    {"--foal-drain-ms=", offsetof(foal_options, drain_ms), 1, 3600000},
};

enum { FLAGS = sizeof flags / sizeof *flags };

static const flag *flag_of(const char *arg)
{
  for (size_t i = 0; i < FLAGS; i++) {
    if (strncmp(arg, flags[i].name, strlen(flags[i].name)) == 0) return &flags[i];
  }
  return NULL;
}

static foal_err take(foal_options *options, const flag *f, const char *text)
{
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < f->min ||
      value > f->max) {
    fprintf(stderr, "%s takes a number from %lu to %lu, not '%s'\n", f->name, f->min,
            f->max, text);
    return FOAL_BAD_ARGUMENT;
  }
  uint32_t number = (uint32_t)value;
  memcpy((char *)options + f->offset, &number, sizeof number);
  return FOAL_OK;
}

static foal_err unknown(const char *arg)
{
  fprintf(stderr, "unknown option '%s'; known:", arg);
  for (size_t i = 0; i < FLAGS; i++) fprintf(stderr, " %sN", flags[i].name);
  fprintf(stderr, "\n");
  return FOAL_BAD_ARGUMENT;
}

foal_err foal_options_from(foal_options *options, int *argc, char **argv)
{
  foal_assert(options != NULL && argc != NULL && argv != NULL);
  int kept = 0;
  for (int i = 0; i < *argc; i++) {
    const char *arg = argv[i];
    if (i == 0 || strncmp(arg, "--foal-", 7) != 0) {
      argv[kept++] = argv[i];
      continue;
    }
    const flag *f = flag_of(arg);
    if (f == NULL) return unknown(arg);
    foal_err err = take(options, f, arg + strlen(f->name));
    if (err != FOAL_OK) return err;
  }
  *argc = kept;
  argv[kept] = NULL;
  return FOAL_OK;
}
