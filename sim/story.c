/* story.c - the story of a run as text, and which file gets which form of it.
 *
 * A line stands for one entry or for several in a row that say the same; numbers of bytes
 * do not make two entries different, they are summed. */
#include "impl/story.h"

#include <stdlib.h>
#include <string.h>

void foal__sim_who_text(const foal__sim_who *who, char out[64])
{
  if (who->type == NULL) {
    snprintf(out, 64, "world");
  } else {
    snprintf(out, 64, "%.50s#%u", who->type, who->id);
  }
}

static bool same_who(const foal__sim_who *a, const foal__sim_who *b)
{
  return a->type == b->type && a->id == b->id;
}

bool foal__sim_entries_alike(const foal__sim_entry *a, const foal__sim_entry *b)
{
  return a->kind == b->kind && same_who(&a->who, &b->who) &&
         same_who(&a->whom, &b->whom) && a->what == b->what && a->conn == b->conn &&
         strcmp(a->text, b->text) == 0;
}

static bool matters(const foal__sim_entry *entry, bool all)
{
  if (all) return true;
  return entry->kind != FOAL__SIM_TIME && entry->kind != FOAL__SIM_RAN &&
         entry->kind != FOAL__SIM_WROTE;
}

/* Where the last max lines begin. */
static size_t first_of(size_t max, bool all)
{
  const foal__sim_entry *behind = NULL;
  size_t lines = 0, i = foal__sim_story_count();
  for (; i > 0; i--) {
    const foal__sim_entry *entry = foal__sim_story_at(i - 1);
    if (!matters(entry, all)) continue;
    if (behind == NULL || !foal__sim_entries_alike(entry, behind)) lines++;
    if (lines > max) break;
    behind = entry;
  }
  return i;
}

size_t foal__sim_story_lines(foal__sim_line *out, size_t max, bool all)
{
  size_t n = 0;
  for (size_t i = first_of(max, all); i < foal__sim_story_count(); i++) {
    const foal__sim_entry *entry = foal__sim_story_at(i);
    if (!matters(entry, all)) continue;
    if (n == 0 || !foal__sim_entries_alike(out[n - 1].entry, entry)) {
      if (n == max) break;
      out[n++] = (foal__sim_line){.entry = entry};
    }
    out[n - 1].times++;
    out[n - 1].bytes += entry->bytes;
  }
  return n;
}

static const char *or_empty(const char *text)
{
  return text != NULL ? text : "";
}

static const char *conn_words(foal__sim_kind kind)
{
  switch (kind) {
  case FOAL__SIM_DIALED:
    return "dials";
  case FOAL__SIM_ACCEPTED:
    return "accepted";
  case FOAL__SIM_WIRE:
    return "bytes arrive";
  case FOAL__SIM_WROTE:
    return "the system took bytes";
  case FOAL__SIM_CUT:
    return "cut";
  case FOAL__SIM_SPAWNED:
  case FOAL__SIM_ENDED:
  case FOAL__SIM_SENT:
  case FOAL__SIM_RAN:
  case FOAL__SIM_FAULT:
  case FOAL__SIM_LOG:
  case FOAL__SIM_NOTE:
  case FOAL__SIM_TIME:
  case FOAL__SIM_CALM:
    break;
  }
  return "";
}

static int conn_text(const foal__sim_line *line, char *out, size_t size)
{
  const foal__sim_entry *x = line->entry;
  int at = snprintf(out, size, "connection %u: %s%s%s", x->conn, conn_words(x->kind),
                    x->text[0] != '\0' ? " " : "", x->text);
  if (line->bytes == 0) return at;
  return at + snprintf(out + at, size - (size_t)at, " (%llu bytes)",
                       (unsigned long long)line->bytes);
}

static int actor_text(const foal__sim_line *line, char *out, size_t size)
{
  const foal__sim_entry *x = line->entry;
  char who[64], whom[64];
  foal__sim_who_text(&x->who, who);
  foal__sim_who_text(&x->whom, whom);
  const char *what = or_empty(x->what);
  if (x->kind == FOAL__SIM_SPAWNED) return snprintf(out, size, "%s begins", who);
  if (x->kind == FOAL__SIM_RAN) return snprintf(out, size, "%s runs %s", who, what);
  if (x->kind == FOAL__SIM_ENDED) {
    return snprintf(out, size, "%s ends%s%s", who, x->text[0] != '\0' ? ": " : "",
                    x->text);
  }
  int at = snprintf(out, size, "%s -> %s %s", who, whom, what);
  if (line->bytes == 0) return at;
  return at + snprintf(out + at, size - (size_t)at, " (%llu bytes)",
                       (unsigned long long)line->bytes);
}

void foal__sim_line_text(const foal__sim_line *line, char out[FOAL__SIM_TEXT_BYTES])
{
  const foal__sim_entry *x = line->entry;
  size_t size = FOAL__SIM_TEXT_BYTES - 24;
  int at = 0;
  switch (x->kind) {
  case FOAL__SIM_SPAWNED:
  case FOAL__SIM_ENDED:
  case FOAL__SIM_SENT:
  case FOAL__SIM_RAN:
    at = actor_text(line, out, size);
    break;
  case FOAL__SIM_DIALED:
  case FOAL__SIM_ACCEPTED:
  case FOAL__SIM_WIRE:
  case FOAL__SIM_WROTE:
  case FOAL__SIM_CUT:
    at = conn_text(line, out, size);
    break;
  case FOAL__SIM_FAULT:
    at = snprintf(out, size, "fault: %s%s%s", or_empty(x->what), x->text[0] ? " " : "",
                  x->text);
    break;
  case FOAL__SIM_LOG:
    at = snprintf(out, size, "log: %s", x->text);
    break;
  case FOAL__SIM_NOTE:
    at = snprintf(out, size, "note: %s", x->text);
    break;
  case FOAL__SIM_TIME:
    at = snprintf(out, size, "time passes");
    break;
  case FOAL__SIM_CALM:
    at = snprintf(out, size, "calm: faults are over");
    break;
  }
  if (line->times > 1) snprintf(out + at, 24, " x%u", line->times);
}

void foal__sim_story_print(FILE *out, size_t max, bool all)
{
  static foal__sim_line lines[FOAL__SIM_LINES_MAX];
  size_t count = foal__sim_story_count();
  if (count == 0) return;
  size_t n = foal__sim_story_lines(lines, max, all);
  uint64_t start_ns = foal__sim_story_at(0)->ns;
  fprintf(out, "the story, its last %zu lines:\n", n);
  for (size_t i = 0; i < n; i++) {
    char text[FOAL__SIM_TEXT_BYTES];
    foal__sim_line_text(&lines[i], text);
    fprintf(out, "%12.6f s  %s\n", (double)(lines[i].entry->ns - start_ns) * 1e-9, text);
  }
}

/* ---- files ---- */

static bool ends_in(const char *path, const char *end)
{
  size_t len = strlen(path), end_len = strlen(end);
  return len > end_len && strcmp(path + len - end_len, end) == 0;
}

bool foal__sim_story_file_known(const char *path)
{
  return ends_in(path, ".json") || ends_in(path, ".mmd") || ends_in(path, ".html");
}

static void write_escaped(FILE *out, const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '<') {
      fputs("&lt;", out);
    } else if (text[i] == '&') {
      fputs("&amp;", out);
    } else {
      fputc(text[i], out);
    }
  }
}

/* What `write` writes, as the text of a web page. */
static void write_pre(FILE *out, void (*write)(FILE *to))
{
  char *text = NULL;
  size_t len = 0;
  FILE *to = open_memstream(&text, &len);
  if (to == NULL) return;
  write(to);
  fclose(to);
  fputs("<pre>", out);
  write_escaped(out, text, len);
  fputs("</pre>\n", out);
  free(text);
}

static void write_all_lines(FILE *to)
{
  foal__sim_story_print(to, FOAL__SIM_LINES_MAX, true);
}

static void write_html(FILE *out, const char *title)
{
  fputs("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>", out);
  write_escaped(out, title, strlen(title));
  fputs("</title>\n<h1>", out);
  write_escaped(out, title, strlen(title));
  fputs("</h1>\n<h2>Sequence (Mermaid)</h2>\n", out);
  write_pre(out, foal__sim_story_mermaid);
  fputs("<h2>Story</h2>\n", out);
  write_pre(out, write_all_lines);
}

bool foal__sim_story_write(const char *path, const char *title)
{
  FILE *out = fopen(path, "w");
  if (out == NULL) return false;
  if (ends_in(path, ".json")) {
    foal__sim_story_chrome(out);
  } else if (ends_in(path, ".mmd")) {
    foal__sim_story_mermaid(out);
  } else {
    write_html(out, title);
  }
  bool good = ferror(out) == 0;
  return fclose(out) == 0 && good;
}
