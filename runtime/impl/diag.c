/* diag.c - the last words of a program with a bug in it: who, doing what, where. */
#include "assert.h"
#include "buf_head.h"
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_BYTES = 512 };

static _Thread_local struct {
  const char *file;
  int line;
} here;

void(foal__at)(const char *file, int line)
{
  here.file = file;
  here.line = line;
}

static _Noreturn void last_words(const char *text)
{
  char line[TEXT_BYTES];
  foal__worker *w = foal__self;
  int len;
  if (w != NULL && w->current != NULL && w->current->type != NULL) {
    len = snprintf(line, sizeof line,
                   "foal: actor '%s' #%u in behaviour '%s' on worker %u: %s\n",
                   w->current->type->name, w->current->id,
                   w->behaviour != NULL ? w->behaviour->name : "end", w->id, text);
  } else {
    len = snprintf(line, sizeof line, "foal: outside any turn: %s\n", text);
  }
  if (len > 0) {
    size_t bytes = (size_t)len < sizeof line ? (size_t)len : sizeof line - 1;
    ssize_t written = write(STDERR_FILENO, line, bytes);
    (void)written;
  }
  abort();
}

void foal__abort(const char *file, int line, const char *text)
{
  char words[TEXT_BYTES];
  (void)snprintf(words, sizeof words, "%s:%d: this must hold: %s", file, line, text);
  last_words(words);
}

void foal__buf_misused(const foal_buf *b, const char *why)
{
  char words[TEXT_BYTES];
  char sent[128] = "";
  if (b->stamp == FOAL__STAMP_IN_FLIGHT && b->msg.behaviour_ != NULL) {
    (void)snprintf(sent, sizeof sent, " as '%s.%s'", b->msg.behaviour_->actor,
                   b->msg.behaviour_->name);
  }
  (void)snprintf(words, sizeof words, "%s:%d: buffer misused: %s%s",
                 here.file != NULL ? here.file : "?", here.line, why, sent);
  last_words(words);
}
