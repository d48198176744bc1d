/* story_files.c - the story for the eyes: Chrome's trace events (Perfetto reads them) and
 * Mermaid sequence diagrams.
 *
 * In the trace an actor is a thread, a behaviour a span of virtual time, a message an
 * arrow between two of them and a connection a span of its own. The diagram has room
 * for a few actors and the end of the story only. */
#include "impl/story.h"

#include <stdlib.h>
#include <string.h>

enum {
  BUCKETS = 1 << 14,
  PEOPLE_MAX = 20,
  ARROWS_MAX = 200,
};

#define NO_ENTRY UINT32_MAX

/* ---- Chrome trace ---- */

/* What is needed to find the other end of things, by index into the story. */
typedef struct links {
  uint32_t *next;   /* the next message in the same bucket that was not yet run */
  uint32_t *sender; /* of what was run: its message; NO_ENTRY: unknown */
  uint32_t head[BUCKETS], tail[BUCKETS];
  uint32_t *first, *last; /* entries of each connection */
  uint32_t conns;
} links;

static void *block(size_t n, size_t size)
{
  void *p = calloc(n + 1, size);
  if (p == NULL) abort();
  return p;
}

static uint32_t bucket_of(const foal__sim_who *whom, const char *what)
{
  uint64_t x = whom->id * UINT64_C(0x9E3779B97F4A7C15);
  for (; what != NULL && *what != '\0'; what++) {
    x = (x ^ (unsigned char)*what) * UINT64_C(0x100000001B3);
  }
  return (uint32_t)(x >> 40) % BUCKETS;
}

static void link_sent(links *l, uint32_t i)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  uint32_t b = bucket_of(&x->whom, x->what);
  l->next[i] = NO_ENTRY;
  if (l->head[b] == NO_ENTRY) {
    l->head[b] = i;
  } else {
    l->next[l->tail[b]] = i;
  }
  l->tail[b] = i;
}

/* Messages to one actor with one behaviour are run in the order they were sent. */
static void link_ran(links *l, uint32_t i)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  uint32_t b = bucket_of(&x->who, x->what), before = NO_ENTRY;
  l->sender[i] = NO_ENTRY;
  for (uint32_t at = l->head[b]; at != NO_ENTRY; before = at, at = l->next[at]) {
    const foal__sim_entry *sent = foal__sim_story_at(at);
    if (sent->whom.id != x->who.id || sent->what != x->what) continue;
    l->sender[i] = at;
    if (before == NO_ENTRY) {
      l->head[b] = l->next[at];
    } else {
      l->next[before] = l->next[at];
    }
    if (l->tail[b] == at) l->tail[b] = before;
    return;
  }
}

static links *links_make(uint32_t count)
{
  links *l = block(1, sizeof *l);
  l->next = block(count, sizeof *l->next);
  l->sender = block(count, sizeof *l->sender);
  for (uint32_t i = 0; i < BUCKETS; i++) l->head[i] = l->tail[i] = NO_ENTRY;
  for (uint32_t i = 0; i < count; i++) {
    const foal__sim_entry *x = foal__sim_story_at(i);
    if (x->conn > l->conns) l->conns = x->conn;
    if (x->kind == FOAL__SIM_SENT) link_sent(l, i);
    if (x->kind == FOAL__SIM_RAN) link_ran(l, i);
  }
  l->first = block(l->conns, sizeof *l->first);
  l->last = block(l->conns, sizeof *l->last);
  for (uint32_t i = count; i > 0; i--) {
    uint32_t conn = foal__sim_story_at(i - 1)->conn;
    l->first[conn] = i - 1;
    if (l->last[conn] == 0) l->last[conn] = i - 1;
  }
  return l;
}

static void links_free(links *l)
{
  free(l->next);
  free(l->sender);
  free(l->first);
  free(l->last);
  free(l);
}

static void write_json_text(FILE *out, const char *text)
{
  fputc('"', out);
  for (; text != NULL && *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      fprintf(out, "\\%c", c);
    } else if (c < 0x20 || c > 0x7e) {
      fprintf(out, "\\u%04x", c);
    } else {
      fputc(c, out);
    }
  }
  fputc('"', out);
}

static double us(uint64_t ns)
{
  uint64_t start_ns = foal__sim_story_at(0)->ns;
  return (double)(ns > start_ns ? ns - start_ns : 0) * 1e-3;
}

static unsigned tid(const foal__sim_who *who)
{
  return who->type == NULL ? 0 : who->id + 1;
}

static void begin_event(FILE *out, const char *name, const char *phase, unsigned tid_,
                        double ts)
{
  fputs(",\n{\"name\":", out);
  write_json_text(out, name != NULL ? name : "");
  fprintf(out, ",\"ph\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":%.3f", phase, tid_, ts);
}

/* A behaviour lasts until something else is run. */
static double lasts_us(uint32_t i, uint32_t count)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  for (uint32_t k = i + 1; k < count; k++) {
    const foal__sim_entry *y = foal__sim_story_at(k);
    if (y->step != x->step || y->kind == FOAL__SIM_RAN) {
      double us_ = (double)(y->ns - x->ns) * 1e-3;
      return us_ < 1000 && us_ > 0.001 ? us_ : 0.001;
    }
  }
  return 0.001;
}

static void write_turn(FILE *out, const links *l, uint32_t i, uint32_t count)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  begin_event(out, x->what, "X", tid(&x->who), us(x->ns));
  fprintf(out, ",\"dur\":%.3f,\"args\":{\"worker\":%u,\"step\":%llu}}",
          lasts_us(i, count), x->who.worker, (unsigned long long)x->step);
  if (l->sender[i] == NO_ENTRY) return;
  begin_event(out, x->what, "f", tid(&x->who), us(x->ns));
  fprintf(out, ",\"cat\":\"message\",\"bp\":\"e\",\"id\":%u}", l->sender[i]);
}

static void write_conn(FILE *out, const links *l, uint32_t i)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  char name[32], text[FOAL__SIM_TEXT_BYTES];
  snprintf(name, sizeof name, "connection %u", x->conn);
  foal__sim_line_text(&(foal__sim_line){x, 1, x->bytes}, text);
  if (l->first[x->conn] == i) {
    begin_event(out, name, "b", 0, us(x->ns));
    fprintf(out, ",\"cat\":\"connection\",\"id\":%u}", x->conn);
  }
  begin_event(out, text, "n", 0, us(x->ns));
  fprintf(out, ",\"cat\":\"connection\",\"id\":%u}", x->conn);
  if (l->last[x->conn] == i) {
    begin_event(out, name, "e", 0, us(x->ns));
    fprintf(out, ",\"cat\":\"connection\",\"id\":%u}", x->conn);
  }
}

static void write_entry(FILE *out, const links *l, uint32_t i, uint32_t count)
{
  const foal__sim_entry *x = foal__sim_story_at(i);
  char text[FOAL__SIM_TEXT_BYTES];
  if (x->kind == FOAL__SIM_TIME) return;
  if (x->kind == FOAL__SIM_RAN) {
    write_turn(out, l, i, count);
  } else if (x->kind == FOAL__SIM_SENT) {
    begin_event(out, x->what, "s", tid(&x->who), us(x->ns));
    fprintf(out, ",\"cat\":\"message\",\"id\":%u,\"args\":{\"bytes\":%llu}}", i,
            (unsigned long long)x->bytes);
  } else if (x->conn != 0) {
    write_conn(out, l, i);
  } else {
    foal__sim_line_text(&(foal__sim_line){x, 1, x->bytes}, text);
    begin_event(out, text, "i", tid(&x->who), us(x->ns));
    fprintf(out, ",\"cat\":\"%s\",\"s\":\"t\"}",
            x->kind == FOAL__SIM_FAULT ? "fault" : "note");
  }
}

/* Each actor that does or gets something once. */
static void write_names(FILE *out, uint32_t count)
{
  uint32_t largest = 0;
  for (uint32_t i = 0; i < count; i++) {
    const foal__sim_entry *x = foal__sim_story_at(i);
    if (tid(&x->who) > largest) largest = tid(&x->who);
    if (tid(&x->whom) > largest) largest = tid(&x->whom);
  }
  bool *seen = block(largest, sizeof *seen);
  for (uint32_t i = 0; i < 2 * count; i++) {
    const foal__sim_entry *x = foal__sim_story_at(i / 2);
    const foal__sim_who *who = i % 2 == 0 ? &x->who : &x->whom;
    char name[64];
    if (seen[tid(who)] || who->type == NULL) continue;
    seen[tid(who)] = true;
    foal__sim_who_text(who, name);
    fprintf(out,
            ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"args\":"
            "{\"name\":\"%s\"}}",
            tid(who), name);
  }
  free(seen);
}

void foal__sim_story_chrome(FILE *out)
{
  uint32_t count = (uint32_t)foal__sim_story_count();
  fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
        "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":0,\"args\":"
        "{\"name\":\"world\"}}",
        out);
  if (count > 0) {
    links *l = links_make(count);
    write_names(out, count);
    for (uint32_t i = 0; i < count; i++) write_entry(out, l, i, count);
    links_free(l);
  }
  fputs("\n]}\n", out);
}

/* ---- Mermaid ---- */

typedef struct people {
  foal__sim_who who[PEOPLE_MAX];
  size_t count;
} people;

static bool is_known(const people *p, const foal__sim_who *who)
{
  for (size_t i = 0; i < p->count; i++) {
    if (p->who[i].id == who->id && p->who[i].type == who->type) return true;
  }
  return false;
}

static void meet(people *p, const foal__sim_who *who)
{
  if (p->count < PEOPLE_MAX && !is_known(p, who)) p->who[p->count++] = *who;
}

static void write_alias(FILE *out, const foal__sim_who *who)
{
  if (who->type == NULL) {
    fputs("world", out);
  } else {
    fprintf(out, "a%u", who->id);
  }
}

/* Some characters mean something there. */
static void write_mermaid_text(FILE *out, const char *text)
{
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '#' || c == ';' || c == ':' || c == '<' || c == '>') {
      fprintf(out, "#%u;", c);
    } else {
      fputc(c < 0x20 ? ' ' : c, out);
    }
  }
}

/* What stands on an arrow, which says itself from whom and to whom. */
static void message_text(const foal__sim_line *line, char out[FOAL__SIM_TEXT_BYTES])
{
  const char *what = line->entry->what;
  char bytes[32] = "", times[16] = "";
  if (line->bytes > 0) {
    snprintf(bytes, sizeof bytes, " (%llu bytes)", (unsigned long long)line->bytes);
  }
  if (line->times > 1) snprintf(times, sizeof times, " x%u", line->times);
  snprintf(out, FOAL__SIM_TEXT_BYTES, "%.180s%s%s", what != NULL ? what : "", bytes,
           times);
}

static void write_arrow(FILE *out, const people *p, const foal__sim_line *line)
{
  const foal__sim_entry *x = line->entry;
  char text[FOAL__SIM_TEXT_BYTES];
  bool arrow = x->kind == FOAL__SIM_SENT;
  if (!is_known(p, &x->who) || (arrow && !is_known(p, &x->whom))) return;
  fputs(arrow ? "  " : "  Note over ", out);
  write_alias(out, &x->who);
  if (!arrow) {
    foal__sim_line_text(line, text);
  } else {
    fputs("->>", out);
    write_alias(out, &x->whom);
    message_text(line, text);
  }
  fputs(": ", out);
  write_mermaid_text(out, text);
  fputc('\n', out);
}

/* Two things that happen in turns, such as bytes that arrive and are told, become two
 * lines. Returns how many are left. */
static size_t fold(foal__sim_line *lines, size_t n)
{
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    foal__sim_line *into = NULL;
    for (size_t back = 1; back <= 2 && back <= kept && into == NULL; back++) {
      foal__sim_line *line = &lines[kept - back];
      if (foal__sim_entries_alike(line->entry, lines[i].entry)) into = line;
    }
    if (into == NULL) {
      lines[kept++] = lines[i];
    } else {
      into->times += lines[i].times;
      into->bytes += lines[i].bytes;
    }
  }
  return kept;
}

void foal__sim_story_mermaid(FILE *out)
{
  static foal__sim_line all[FOAL__SIM_LINES_MAX];
  size_t n = fold(all, foal__sim_story_lines(all, FOAL__SIM_LINES_MAX, false));
  const foal__sim_line *lines = n > ARROWS_MAX ? all + (n - ARROWS_MAX) : all;
  people p = {.count = 0};
  if (n > ARROWS_MAX) n = ARROWS_MAX;
  for (size_t i = 0; i < n; i++) {
    meet(&p, &lines[i].entry->who);
    if (lines[i].entry->kind == FOAL__SIM_SENT) meet(&p, &lines[i].entry->whom);
  }
  fputs("sequenceDiagram\n", out);
  for (size_t i = 0; i < p.count; i++) {
    char name[64];
    foal__sim_who_text(&p.who[i], name);
    fputs("  participant ", out);
    write_alias(out, &p.who[i]);
    fputs(" as ", out);
    write_mermaid_text(out, name);
    fputc('\n', out);
  }
  for (size_t i = 0; i < n; i++) write_arrow(out, &p, &lines[i]);
}
