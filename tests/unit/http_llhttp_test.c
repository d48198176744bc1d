/* http_llhttp_test.c - our HTTP parser and llhttp read the same requests.
 *
 * A seeded generator makes requests from good and bad parts and mutates some of them.
 * What llhttp (strict mode) refuses we must refuse, in the same request or an earlier
 * one; what both accept they must understand alike: method, target, version, fields,
 * body, and whether the connection goes on. We may refuse more: version 8.1 of llhttp
 * lets pass bare CR, folded lines, missing and doubled Host, and more.
 * Known and wanted differences: llhttp knows only some methods; it stops at upgrades; in
 * HTTP/1.0 it takes "keep-alive, close" as a wish to go on (evened out in on_head). */
#include "../foal_test.h"
#include "../http_trace.h"

#include <llhttp/llhttp.h>
#include <string.h>

enum { CASES = 60000, MESSAGES_MAX = 8 };

/* ---- the generator ---- */

static uint64_t seed;

static uint32_t pick(uint32_t below)
{
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % below;
}

static const char *const methods[] = {"GET",     "POST",   "PUT",   "HEAD",
                                      "OPTIONS", "DELETE", "PATCH", "M-SEARCH",
                                      "CONNECT", "get",    "G\tET", ""};
static const char *const targets[] = {
    "/",        "/a/b?c=d", "/%41",   "*",          "http://h/x", "h:443",
    "https://", "/a#b",     "/a b",   "/\xc3\xa4",  "x",          "http://u@h/",
    "/%zz",     "/a\\b",    "//x//y", "http://h:1", "/a\x01",     ""};
static const char *const versions[] = {"HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0",
                                       "http/1.1", "HTTP/1.",  "HTTP/11",  "HTP/1.1"};
static const char *const fields[] = {
    "Host: a",
    "Host: b:80",
    "X: y",
    "X:\t y \t",
    "Empty:",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: x, close",
    "Connection: keep-alive, close",
    "Connection: upgrade",
    "Upgrade: ws",
    "Transfer-Encoding: chunked",
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunkedx",
    "Content-Length: 5",
    "Content-Length: 005",
    "Content-Length: 0",
    "Content-Length: 5 ",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length: 5 5",
    "Content-Length: 99999999999999999999",
    "Content-Length: 18446744073709551616",
    "Content-Length:",
    "Content-Length : 5",
    "X : y",
    " folded",
    "\tfolded",
    "X\x01: y",
    "X: \x01",
    "X: \x7f",
    "X: \xff",
    "no colon",
    ": y",
    "X: a\rY: b",
    "X: a\nY: b",
    "Expect: 100-continue",
};
static const char *const chunk_lines[] = {
    "5\r\nhello",     "A\r\n0123456789",    "0005\r\nhello", "5;x\r\nhello",
    "5;x=y\r\nhello", "5;x=\"y\"\r\nhello", "5 \r\nhello",   "5;\r\nhello",
    "5;x=\r\nhello",  "6\r\nhello",         "4\r\nhello",    "0x5\r\nhello",
    "-5\r\nhello",    "\r\nhello",          "5\nhello",      "fffffffffffffffff\r\nhello",
    "5;a b\r\nhello", "5;\"\r\nhello",      "g\r\nhello"};
static const char *const trailers[] = {"\r\n",      "\r\n",
                                       "\r\n",      "X: y\r\n\r\n",
                                       "X\r\n\r\n", "Content-Length: 5\r\n\r\n",
                                       "\n",        "X: a\nY: b\r\n\r\n"};

#define COUNT(list) ((uint32_t)(sizeof(list) / sizeof((list)[0])))

/* One of a list whose first `good` entries are the usual ones. */
static const char *one_of(const char *const *list, uint32_t count, uint32_t good)
{
  return list[pick(8) ? pick(good) : pick(count)];
}

static void add_line_end(http_trace *out)
{
  http_trace_adds(out, pick(60) ? "\r\n" : pick(2) ? "\n" : "\r");
}

static void add_body(http_trace *out, bool is_chunked)
{
  if (!is_chunked) {
    http_trace_adds(out, pick(6) ? "hello" : "hell");
    return;
  }
  for (uint32_t i = pick(4); i > 0; i--) {
    http_trace_adds(out, one_of(chunk_lines, COUNT(chunk_lines), 6));
    add_line_end(out);
  }
  http_trace_adds(out, pick(8) ? "0\r\n" : "0;x=y\r\n");
  http_trace_adds(out, one_of(trailers, COUNT(trailers), 4));
}

static void add_request(http_trace *out)
{
  static const char *const framing[] = {NULL, "Content-Length: 5",
                                        "Transfer-Encoding: chunked"};
  uint32_t body = pick(3);
  http_trace_adds(out, one_of(methods, COUNT(methods), 8));
  http_trace_adds(out, pick(50) ? " " : "  ");
  http_trace_adds(out, one_of(targets, COUNT(targets), 3));
  http_trace_adds(out, pick(50) ? " " : "\t");
  http_trace_adds(out, one_of(versions, COUNT(versions), 2));
  add_line_end(out);
  if (pick(20)) http_trace_adds(out, "Host: a\r\n");
  for (uint32_t i = pick(4); i > 0; i--) {
    http_trace_adds(out, pick(3) ? fields[2 + pick(6)] : fields[pick(COUNT(fields))]);
    add_line_end(out);
  }
  if (body != 0) {
    http_trace_adds(out, framing[body]);
    add_line_end(out);
  }
  add_line_end(out);
  if (body != 0) add_body(out, body == 2);
}

static void mutate(http_trace *t)
{
  static const char odd[] = "\r\n \t:;,/0\0\x7f\xff%\"\\A";
  size_t at = pick((uint32_t)t->len);
  if (pick(3) == 0) {
    memmove(t->text + at, t->text + at + 1, t->len - at); /* the NUL moves too */
    t->len--;
  } else {
    t->text[at] = odd[pick(sizeof(odd) - 1)];
  }
}

static void generate(http_trace *out)
{
  for (uint32_t i = 1 + pick(3); i > 0; i--) {
    add_request(out);
    if (pick(20) == 0) http_trace_adds(out, "\r\n");
  }
  if (pick(3) == 0)
    for (uint32_t i = 1 + pick(3); i > 0; i--) mutate(out);
}

/* ---- llhttp, writing the same trace ---- */

typedef struct peer {
  http_trace fields;
  http_trace body;
  http_trace value;
  http_trace target;
  http_trace out;
  bool in_head;
  bool in_value;
} peer;

static void add_span(http_trace *t, const char *at, size_t len)
{
  http_trace_add(t, (http_text){at, len});
}

static void end_field(peer *me)
{
  if (!me->in_value) return;
  http_trace *v = &me->value;
  while (v->len > 0 && (v->text[v->len - 1] == ' ' || v->text[v->len - 1] == '\t'))
    v->len--;
  http_trace_add(&me->fields, (http_text){v->text, v->len});
  http_trace_adds(&me->fields, "]");
  v->len = 0;
  me->in_value = false;
}

static int on_begin(llhttp_t *p)
{
  peer *me = p->data;
  me->fields.len = me->body.len = me->target.len = me->value.len = 0;
  http_trace_adds(&me->fields, "");
  http_trace_adds(&me->body, "");
  http_trace_adds(&me->value, "");
  me->in_head = true;
  me->in_value = false;
  return 0;
}

static int on_target(llhttp_t *p, const char *at, size_t len)
{
  peer *me = p->data;
  add_span(&me->target, at, len);
  return 0;
}

static int on_name(llhttp_t *p, const char *at, size_t len)
{
  peer *me = p->data;
  if (me->in_head) add_span(&me->fields, at, len);
  return 0;
}

static int on_name_end(llhttp_t *p)
{
  peer *me = p->data;
  if (!me->in_head) return 0;
  http_trace_adds(&me->fields, "=");
  me->in_value = true;
  return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
  peer *me = p->data;
  if (me->in_head) add_span(&me->value, at, len);
  return 0;
}

static int on_value_end(llhttp_t *p)
{
  peer *me = p->data;
  if (!me->in_head) return 0;
  end_field(me);
  http_trace_adds(&me->fields, " [");
  return 0;
}

static int on_head(llhttp_t *p)
{
  peer *me = p->data;
  http_trace *out = &me->out;
  http_trace_adds(out, llhttp_method_name((llhttp_method_t)p->method));
  http_trace_adds(out, " ");
  http_trace_add(out, (http_text){me->target.text, me->target.len});
  http_trace_adds(out, p->http_minor == 1 ? " 1.1" : " 1.0");
  bool keep = llhttp_should_keep_alive(p) && (p->flags & F_CONNECTION_CLOSE) == 0;
  http_trace_adds(out, keep ? " keep" : " close");
  if (me->fields.len > 2) {
    http_trace_adds(out, " [");
    http_trace_add(out, (http_text){me->fields.text, me->fields.len - 2});
  }
  http_trace_adds(out, " {");
  me->in_head = false;
  return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
  peer *me = p->data;
  add_span(&me->out, at, len);
  return 0;
}

static int on_done(llhttp_t *p)
{
  peer *me = p->data;
  http_trace_adds(&me->out, "}\n");
  return 0;
}

typedef struct verdict {
  llhttp_errno_t error;
  bool method_unknown;
} verdict;

static verdict run_peer(peer *me, http_text input)
{
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_message_begin = on_begin;
  settings.on_url = on_target;
  settings.on_header_field = on_name;
  settings.on_header_field_complete = on_name_end;
  settings.on_header_value = on_value;
  settings.on_header_value_complete = on_value_end;
  settings.on_headers_complete = on_head;
  settings.on_body = on_body;
  settings.on_message_complete = on_done;
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = me;
  http_trace_adds(&me->out, "");
  verdict v;
  v.error = llhttp_execute(&parser, input.at, input.len);
  const char *why = llhttp_get_error_reason(&parser);
  v.method_unknown = v.error != HPE_OK && why && strstr(why, "ethod") != NULL;
  return v;
}

/* ---- the comparison ---- */

static size_t lines_in(const http_trace *t)
{
  size_t count = 0;
  for (size_t i = 0; i + 1 < t->len; i++)
    count += t->text[i] == '}' && t->text[i + 1] == '\n';
  return count;
}

static bool ends_with(const http_trace *t, const char *end)
{
  return t->len >= strlen(end) &&
         memcmp(t->text + t->len - strlen(end), end, strlen(end)) == 0;
}

static bool is_bad(const http_trace *t)
{
  return t->len >= 7 && memcmp(t->text + t->len - 7, "bad ", 4) == 0;
}

/* Length of the first n complete requests. */
static size_t prefix_of(const http_trace *t, size_t n)
{
  size_t i = 0;
  while (n > 0 && i + 1 < t->len) {
    if (t->text[i] == '}' && t->text[i + 1] == '\n') n--;
    i++;
  }
  return i == 0 ? 0 : i + 1;
}

static bool must_refuse(verdict v)
{
  return v.error != HPE_OK && v.error != HPE_CLOSED_CONNECTION &&
         v.error != HPE_PAUSED_UPGRADE && v.error != HPE_PAUSED_H2_UPGRADE &&
         !v.method_unknown;
}

/* The end of a line that llhttp has refused already is all that we may still wait for. */
static bool refuses_with_line_end(http_text input)
{
  http_trace longer = {NULL, 0, 0}, trace = {NULL, 0, 0};
  http_trace_add(&longer, input);
  http_trace_adds(&longer, "\r\n");
  http_text all = {longer.text, longer.len};
  http_trace_run(&trace, all, (http_cut){all.len, 1}, &http_trace_limits);
  bool refused = is_bad(&trace);
  http_trace_free(&longer);
  http_trace_free(&trace);
  return refused;
}

static bool starts_alike(const http_trace *ours, const http_trace *theirs, size_t len)
{
  return len <= ours->len && len <= theirs->len &&
         memcmp(ours->text, theirs->text, len) == 0;
}

static const char *compare(http_text input, const http_trace *ours,
                           const http_trace *theirs, verdict v)
{
  size_t mine = lines_in(ours), lines = lines_in(theirs);
  size_t both = mine < lines ? mine : lines;
  bool closed = ends_with(ours, "close");
  if (must_refuse(v) && !is_bad(ours) && !(closed && mine <= lines) &&
      !refuses_with_line_end(input))
    return "accepted what llhttp refuses";
  if (prefix_of(ours, both) != prefix_of(theirs, both) ||
      !starts_alike(ours, theirs, prefix_of(ours, both)))
    return "understood differently";
  if (v.error == HPE_OK && ends_with(ours, "more") &&
      !starts_alike(ours, theirs, theirs->len))
    return "the last request is understood differently";
  return NULL;
}

static void check_case(uint64_t number, size_t *accepted, size_t *refused)
{
  http_trace input = {NULL, 0, 0}, ours = {NULL, 0, 0};
  peer me = {0};
  seed = number * 0x9e3779b97f4a7c15u + 1;
  generate(&input);
  http_text text = {input.text, input.len};
  http_trace_run(&ours, text, (http_cut){1 + pick((uint32_t)text.len), 1 + pick(40)},
                 &http_trace_limits);
  verdict v = run_peer(&me, text);
  const char *what = compare(text, &ours, &me.out, v);
  cr_assert_null(what, "case %lu: %s\n--- input\n%s\n--- ours\n%s\n--- llhttp (%s)\n%s",
                 (unsigned long)number, what, input.text, ours.text,
                 llhttp_errno_name(v.error), me.out.text);
  *accepted += !is_bad(&ours);
  *refused += must_refuse(v);
  http_trace *all[] = {&input,    &ours,      &me.fields, &me.body,
                       &me.value, &me.target, &me.out};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) http_trace_free(all[i]);
}

Test(http_llhttp, both_parsers_agree, .timeout = 60)
{
  size_t accepted = 0, refused = 0;
  for (uint64_t i = 0; i < CASES; i++) check_case(i, &accepted, &refused);
  cr_assert_gt(accepted, CASES / 10, "the generator makes too few good requests: %zu",
               accepted);
  cr_assert_gt(refused, CASES / 10, "the generator makes too few bad requests: %zu",
               refused);
}
