/* web_log.c - the lines of one connection in the access log:
 *
 *    127.0.0.1:40000 [Sun, 06 Nov 1994 08:49:37 GMT] "GET / HTTP/1.1" 200 13
 *
 * The bytes are those of the body, "-" when their number was not known in advance. The
 * request line has been through the parser: it holds neither quotes nor control bytes. */
#include "web.h"

#include "http_date.h"

#include <stdio.h>

enum { LINE_BYTES = 768, REQUEST_BYTES = 512, BUFFER_BYTES = 4096 };

void web__log_request(web *self, const char *head)
{
  foal_buf *request;
  http_span method = self->job->parser.method, target = self->job->parser.target;
  size_t len = target.at + target.len - method.at + sizeof(" HTTP/1.1") - 1;
  if (!foal_buf_from(&request, head + method.at,
                     len < REQUEST_BYTES ? len : REQUEST_BYTES))
    return;
  foal_slot_put(&self->job->request, &request);
}

FOAL_TURN static void add_line(web *self, const char *line, size_t len)
{
  foal_buf *lines;
  if (!foal_slot_take(&self->job->log, &lines) && !foal_buf_new(&lines, BUFFER_BYTES))
    return;
  foal_buf_append(lines, line, len);
  bool full = foal_buf_room(lines) < LINE_BYTES;
  foal_slot_put(&self->job->log, &lines);
  if (full) web__log_flush(self);
}

FOAL_TURN static size_t write_line(web *self, char *line, http_text request,
                                   const http_reply *reply)
{
  char date[HTTP_DATE_BYTES + 1], bytes[24] = "-";
  http_date_write(date, http_now_s());
  if (!reply->chunked)
    snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)reply->length);
  int len =
      snprintf(line, LINE_BYTES, "%s [%s] \"%.*s\" %u %s\n", foal_conn_peer(self->conn),
               date, (int)request.len, request.at, reply->status, bytes);
  return len < LINE_BYTES ? (size_t)len : LINE_BYTES - 1;
}

void web__log_answer(web *self, const http_reply *reply)
{
  char line[LINE_BYTES];
  foal_buf *request;
  if (!self->site->logged) return;
  if (!foal_slot_take(&self->job->request, &request)) {
    add_line(self, line, write_line(self, line, (http_text){"-", 1}, reply));
    return;
  }
  http_text text = {(const char *)foal_buf_data(request), foal_buf_len(request)};
  add_line(self, line, write_line(self, line, text, reply));
  foal_slot_put(&self->job->request, &request);
}

void web__log_flush(web *self)
{
  foal_buf *lines;
  if (foal_slot_take(&self->job->log, &lines)) access_log_lines(self->site->log, &lines);
}
