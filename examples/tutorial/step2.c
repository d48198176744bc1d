/* step2.c - a buffer has one owner; sending it moves it.
 *
 * main makes a buffer and moves it to the shouter, who changes its bytes in place and
 * moves it on to the printer, who drops it. Nothing is copied, and nothing is locked: at
 * every moment one actor can reach the bytes. */
#include <foal.h>

#include <ctype.h>
#include <stdio.h>

/* ---- the printer: the end of the way ---- */

typedef struct printer {
  uint32_t lines;
} printer;
FOAL_TAG(printer)
FOAL_ACTOR(printer)
FOAL_BEHAVIOUR_ISO(printer, print)

static void printer_on_print(printer *self, foal_buf **line)
{
  self->lines++;
  printf("%u: %.*s\n", self->lines, (int)foal_buf_len(*line),
         (const char *)foal_buf_data(*line));
  foal_buf_drop(line);
}

/* ---- the shouter: changes what it owns, and moves it on ---- */

typedef struct shouter {
  printer_tag to;
} shouter;
FOAL_TAG(shouter)
FOAL_ACTOR(shouter)
FOAL_BEHAVIOUR1(shouter, start, printer_tag, to)
FOAL_BEHAVIOUR_ISO(shouter, shout)

static void shouter_on_start(shouter *self, printer_tag to)
{
  self->to = to;
}

static void shouter_on_shout(shouter *self, foal_buf **line)
{
  uint8_t *bytes = foal_buf_bytes(*line);
  for (size_t i = 0; i < foal_buf_len(*line); i++) bytes[i] = (uint8_t)toupper(bytes[i]);
  printer_print(self->to, line);
}

int main(void)
{
  printer_tag last;
  shouter_tag first;
  foal_buf *line;
  if (foal_start(NULL) != FOAL_OK) return 1;
  if (!printer_spawn(&last) || !shouter_spawn(&first)) return 1;
  shouter_start(first, last);

  if (!foal_buf_new(&line, 64)) return 1; /* true: line is ours, and has room */
  foal_buf_append(line, "hello", 5);
  foal_buf_append(line, "!", 1);
  shouter_shout(first, &line); /* moved: line is NULL from here on */
  return foal_run();
}
