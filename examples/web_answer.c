/* web_answer.c - what a request gets.
 *
 * Answers are written when the head is complete, only an upload's when its body is: a
 * body that nobody wants is read behind the answer and dropped. */
#include "web.h"

#include <stdio.h>
#include <string.h>

static const char READABLE[] = "GET, HEAD, OPTIONS";
static const char HELLO[] = "Hello, World!";

/* ---- answers ---- */

FOAL_TURN static size_t waiting_output(web *self)
{
  foal_buf *out;
  if (!foal_slot_take(&self->job->out, &out)) return 0;
  size_t len = foal_buf_len(out);
  foal_slot_put(&self->job->out, &out);
  return len;
}

FOAL_TURN static void begin_answer(web *self)
{
  self->job->answered = true;
  self->job->sent = false;
  self->job->answer_at = (uint32_t)waiting_output(self);
}

void web__answer_head(web *self, http_reply reply)
{
  char head[HTTP_REPLY_BYTES_MAX + 8192];
  if (reply.location.len > 8000) reply.location.len = 0;
  reply.close = self->last;
  reply.keep = self->job->parser.minor == 0 && !self->last;
  begin_answer(self);
  web__put(self, (http_text){head, http_reply_write(head, &reply, http_now_s())});
  web__log_answer(self, &reply);
}

void web__answer(web *self, http_reply reply, http_text body)
{
  reply.length = body.len;
  web__answer_head(self, reply);
  if (!self->job->no_content) web__put(self, body);
}

/* Takes an answer back that has not left yet. false: part of it has. */
FOAL_TURN static bool retract(web *self)
{
  foal_buf *out;
  web_job *job = self->job;
  if (!job->answered) return true;
  if (job->sent || !foal_slot_take(&job->out, &out)) return false;
  foal_buf_truncate(out, job->answer_at);
  foal_slot_put(&job->out, &out);
  return true;
}

/* "404 Not Found" and the reason, as a small text. */
FOAL_TURN static void answer_status(web *self, http_reply reply, const char *why)
{
  char text[160];
  int len = snprintf(text, sizeof(text), "%u %s%s%s\n", reply.status,
                     http_reason(reply.status), why ? ": " : "", why ? why : "");
  reply.type = "text/plain";
  web__answer(self, reply, (http_text){text, len > 0 ? (size_t)len : 0});
}

void web__refuse(web *self, unsigned status, const char *why)
{
  if (self->phase == WEB_ENDED) return;
  self->last = true;
  if (retract(self)) answer_status(self, (http_reply){.status = status}, why);
  self->phase = WEB_ENDED;
}

/* ---- requests ---- */

typedef struct request {
  const char *head;
  http_text method;
  http_text path; /* without the query */
} request;

FOAL_TURN static request request_of(web *self, const char *head)
{
  const http_parser *p = &self->job->parser;
  request r = {head, http_span_text(head, p->method), http_span_text(head, p->path)};
  const char *query = r.path.len ? memchr(r.path.at, '?', r.path.len) : NULL;
  if (query) r.path.len = (size_t)(query - r.path.at);
  return r;
}

static bool text_is(http_text text, const char *other)
{
  return text.len == strlen(other) && memcmp(text.at, other, text.len) == 0;
}

/* The answer to the commonest request, made once a second. */
FOAL_TURN static void answer_hello(web *self)
{
  static _Thread_local struct {
    int64_t second;
    size_t len;
    char text[256];
  } ready;
  http_reply reply = {.status = 200, .type = "text/plain", .length = sizeof(HELLO) - 1};
  if (self->last || self->job->parser.minor == 0 || self->job->no_content) {
    web__answer(self, reply, (http_text){HELLO, sizeof(HELLO) - 1});
    return;
  }
  int64_t now = http_now_s();
  if (now != ready.second) {
    size_t len = http_reply_write(ready.text, &reply, now);
    memcpy(ready.text + len, HELLO, sizeof(HELLO) - 1);
    ready.len = len + sizeof(HELLO) - 1;
    ready.second = now;
  }
  begin_answer(self);
  web__put(self, (http_text){ready.text, ready.len});
  web__log_answer(self, &reply);
}

/* Whether "/" is a file; asked anew once a second. */
static bool site_has_index(const web_site *site)
{
  static _Thread_local int64_t asked_s = -1;
  static _Thread_local bool has_index;
  if (site->root < 0) return false;
  int64_t now = http_now_s();
  if (now != asked_s) {
    http_file file;
    has_index = http_file_open(site->root, (http_text){"/", 1}, &file) == 200;
    http_file_close(&file);
    asked_s = now;
  }
  return has_index;
}

FOAL_TURN static void answer_file(web *self, const request *r)
{
  http_file file;
  web_job *job = self->job;
  const http_parser *p = &job->parser;
  unsigned status = http_file_open(self->site->root, r->path, &file);
  http_reply reply = {.status = status};
  if (status == 301) reply.location = r->path;
  if (status == 200) status = http_cond_check(p, r->head, &file.entity);
  if (status == 200) status = http_cond_range(p, r->head, &file.entity, &job->rest);
  bool found = file.fd >= 0;
  reply.status = status;
  if (found && status != 412) reply.entity = &file.entity;
  if (status == 206) reply.range = &job->rest;
  if (found && (status == 200 || status == 206)) {
    reply.type = file.type;
    reply.length = job->rest.count;
    web__answer_head(self, reply);
    if (!job->no_content) self->phase = WEB_FILE;
  } else if (status == 304) {
    web__answer_head(self, reply);
  } else {
    answer_status(self, reply, NULL);
  }
  if (self->phase == WEB_FILE)
    job->file = file.fd;
  else
    http_file_close(&file);
}

FOAL_TURN static void answer_key_update(web *self)
{
  foal_err err = foal_conn_key_update(self->conn);
  http_text done = {"key updated\n", 12};
  http_reply reply = {.status = err == FOAL_OK ? 200 : 503, .type = "text/plain"};
  if (err == FOAL_OK)
    web__answer(self, reply, done);
  else
    answer_status(self, reply, "this needs TLS 1.3");
}

/* A file, or the greeting; everything that is read only. */
FOAL_TURN static void answer_readable(web *self, const request *r)
{
  if (text_is(r->method, "OPTIONS")) {
    web__answer(self, (http_reply){.status = 204, .allow = READABLE}, (http_text){"", 0});
    return;
  }
  bool get = text_is(r->method, "GET");
  bool at_root = r->path.len == 0 || text_is(r->path, "/");
  if (!get && !text_is(r->method, "HEAD")) {
    http_file file;
    bool found = at_root || http_file_open(self->site->root, r->path, &file) != 404;
    if (found && !at_root) http_file_close(&file);
    http_reply reply = {.status = found ? 405 : 404, .allow = found ? READABLE : NULL};
    answer_status(self, reply, NULL);
  } else if (at_root && !site_has_index(self->site)) {
    answer_hello(self);
  } else if (get && text_is(r->path, "/keyupdate")) {
    answer_key_update(self);
  } else {
    answer_file(self, r);
  }
}

/* POST /upload and POST /echo take a body; with --echo everything does. */
FOAL_TURN static bool wants_body(web *self, const request *r, web_sink *sink)
{
  *sink = text_is(r->path, "/upload") && !self->site->echo ? WEB_HASH : WEB_ECHO;
  if (self->site->echo) return true;
  return text_is(r->path, "/upload") || text_is(r->path, "/echo");
}

void web__begin(web *self, const char *head)
{
  request r = request_of(self, head);
  http_parser *p = &self->job->parser;
  web_sink sink;
  if (self->site->logged) web__log_request(self, head);
  self->job->no_content = text_is(r.method, "HEAD");
  bool takes = wants_body(self, &r, &sink);
  if (takes && !text_is(r.method, "CONNECT") &&
      (self->site->echo || text_is(r.method, "POST"))) {
    web__body_begin(self, sink);
    return;
  }
  /* The answer does not wait for a body that nobody wants; a long one is not even
   * read. */
  bool has_body = p->chunked || p->content_length > 0;
  if (p->content_length > WEB_DROPPED_BYTES_MAX || (has_body && p->expects_continue))
    self->last = true;
  self->phase = WEB_BODY;
  if (text_is(r.method, "CONNECT"))
    answer_status(self, (http_reply){.status = 501}, "this is not a proxy");
  else if (takes)
    answer_status(self, (http_reply){.status = 405, .allow = "POST"}, NULL);
  else
    answer_readable(self, &r);
  self->job->sink = WEB_DROP;
}
