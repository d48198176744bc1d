/* story.h - the story of a run as text and as files.
 *
 * These look at the entries of trace.h in the process that made the run; they may be
 * called when it has just crashed, so they take no memory but what they ask for once. */
#ifndef FOAL_SIM_IMPL_STORY_H
#define FOAL_SIM_IMPL_STORY_H

#include "trace.h"

#include <stdio.h>

enum { FOAL__SIM_TEXT_BYTES = 256, FOAL__SIM_LINES_MAX = 1000 };

/* An entry and those behind it that say the same. */
typedef struct foal__sim_line {
  const foal__sim_entry *entry;
  uint32_t times;
  uint64_t bytes; /* of all */
} foal__sim_line;

/* The last lines of the story in order, at most max; all: also what a reader can guess,
 * such as that a message that was sent is run. Returns how many there are. */
size_t foal__sim_story_lines(foal__sim_line *out, size_t max, bool all);
/* "client#3", or "world". */
void foal__sim_who_text(const foal__sim_who *who, char out[64]);
/* The line without the time. */
void foal__sim_line_text(const foal__sim_line *line, char out[FOAL__SIM_TEXT_BYTES]);
/* Prints the last lines. */
void foal__sim_story_print(FILE *out, size_t max, bool all);
/* Whether the name of a trace file ends in something that is known. */
bool foal__sim_story_file_known(const char *path);
/* Writes the whole story to a file in the form its name says. */
bool foal__sim_story_write(const char *path, const char *title);

/* Whether two entries say the same, but for the time and the number of bytes. */
bool foal__sim_entries_alike(const foal__sim_entry *a, const foal__sim_entry *b);

/* ---- between story.c and story_files.c ---- */

void foal__sim_story_chrome(FILE *out);
void foal__sim_story_mermaid(FILE *out);

#endif
