/* http_trace.c - drives the HTTP parser as a connection does and writes down the
 * result. */
#include "http_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const http_limits http_trace_limits = {8192, 32768, 100, 1 << 20};

void http_trace_add(http_trace *t, http_text text)
{
  if (t->room - t->len <= text.len) {
    t->room = (t->room + text.len) * 2 + 64;
    t->text = realloc(t->text, t->room);
    if (t->text == NULL) abort();
  }
  if (text.len > 0) memcpy(t->text + t->len, text.at, text.len);
  t->len += text.len;
  t->text[t->len] = '\0';
}

void http_trace_adds(http_trace *t, const char *text)
{
  http_trace_add(t, (http_text){text, strlen(text)});
}

void http_trace_free(http_trace *t)
{
  free(t->text);
  *t = (http_trace){NULL, 0, 0};
}

/* The input as far as it has come, and where the current request and its body stand. */
typedef struct feed {
  http_text input;
  size_t visible;
  size_t begin; /* of the current head, or of what follows it */
  http_cut cut;
} feed;

static bool feed_more(feed *f)
{
  if (f->visible == f->input.len) return false;
  size_t step = f->visible == 0 ? f->cut.first : f->cut.step;
  size_t rest = f->input.len - f->visible;
  f->visible += step < rest ? step : rest;
  return true;
}

/* A copy of what is visible from `begin` on, in a block of exactly that size. */
static char *feed_copy(const feed *f, size_t *len)
{
  *len = f->visible - f->begin;
  char *copy = malloc(*len ? *len : 1);
  if (copy == NULL) abort();
  memcpy(copy, f->input.at + f->begin, *len);
  return copy;
}

static void add_fields(http_trace *t, http_text fields)
{
  http_text name, value;
  while (http_field_next(&fields, &name, &value)) {
    http_trace_adds(t, " [");
    http_trace_add(t, name);
    http_trace_adds(t, "=");
    http_trace_add(t, value);
    http_trace_adds(t, "]");
  }
}

static void add_head(http_trace *t, const http_parser *p, const char *head)
{
  http_trace_add(t, http_span_text(head, p->method));
  http_trace_adds(t, " ");
  http_trace_add(t, http_span_text(head, p->target));
  http_trace_adds(t, p->minor ? " 1.1" : " 1.0");
  http_trace_adds(t, p->keep_alive ? " keep" : " close");
  add_fields(t, http_span_text(head, p->fields));
}

static http_event run_head(http_trace *t, http_parser *p, feed *f)
{
  http_event event;
  do {
    size_t len;
    char *head = feed_copy(f, &len);
    event = http_parse_head(p, head, len);
    if (event == HTTP_HEAD_DONE) add_head(t, p, head);
    free(head);
  } while (event == HTTP_MORE && feed_more(f));
  if (event == HTTP_HEAD_DONE) f->begin += p->head_bytes;
  return event;
}

static http_event run_body(http_trace *t, http_parser *p, feed *f)
{
  http_trace_adds(t, " {");
  http_event event;
  do {
    size_t len, used;
    http_text data;
    char *bytes = feed_copy(f, &len);
    event = http_parse_body(p, (http_text){bytes, len}, &data, &used);
    http_trace_add(t, data);
    f->begin += used;
    free(bytes);
  } while (event == HTTP_DATA || (event == HTTP_MORE && feed_more(f)));
  http_trace_adds(t, event == HTTP_DONE ? "}\n" : "\n");
  return event;
}

void http_trace_run(http_trace *t, http_text input, http_cut cut,
                    const http_limits *limits)
{
  feed f = {input, 0, 0, cut};
  http_parser p;
  http_event event;
  http_trace_adds(t, "");
  do {
    http_parser_start(&p, limits);
    event = run_head(t, &p, &f);
    if (event == HTTP_HEAD_DONE) event = run_body(t, &p, &f);
  } while (event == HTTP_DONE && p.keep_alive);
  char end[32] = "more";
  if (event == HTTP_DONE) snprintf(end, sizeof(end), "close");
  if (event == HTTP_BAD) snprintf(end, sizeof(end), "bad %u", (unsigned)p.status);
  http_trace_adds(t, end);
}
