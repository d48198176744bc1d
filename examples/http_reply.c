/* http_reply.c - writes heads by appending; no formatted printing on this path.
 *
 * Every put_ function writes at `out` and returns where the next one goes on. The room is
 * the caller's: HTTP_REPLY_BYTES_MAX is far above the sum of all lines (tested). */
#include "http_reply.h"

#include "http_date.h"

#include <string.h>
#include <time.h>

static const struct {
  unsigned status;
  const char *reason;
} reasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *http_reason(unsigned status)
{
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (reasons[i].status == status) return reasons[i].reason;
  return "Unknown";
}

int64_t http_now_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

size_t http_decimal(char *out, uint64_t number)
{
  char digits[20];
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  memcpy(out, digits + at, sizeof(digits) - at);
  return sizeof(digits) - at;
}

static char *put_text(char *out, http_text text)
{
  if (text.len > 0) memcpy(out, text.at, text.len);
  return out + text.len;
}

static char *put(char *out, const char *text)
{
  return put_text(out, (http_text){text, strlen(text)});
}

static char *put_number(char *out, uint64_t number)
{
  return out + http_decimal(out, number);
}

static char *put_date(char *out, const char *name, int64_t unix_s)
{
  char date[HTTP_DATE_BYTES + 1];
  http_date_write(date, unix_s);
  return put(put(put(out, name), date), "\r\n");
}

static char *put_range(char *out, const http_reply *r)
{
  out = put(out, "Content-Range: bytes ");
  if (r->status == 416) {
    out = put(out, "*");
  } else {
    out = put_number(out, r->range->first);
    out = put_number(put(out, "-"), r->range->first + r->range->count - 1);
  }
  return put(put_number(put(out, "/"), r->entity->size), "\r\n");
}

static char *put_entity(char *out, const http_reply *r)
{
  if (r->status == 416) return put_range(out, r);
  out = put(put(put(out, "ETag: "), r->entity->etag), "\r\n");
  out = put_date(out, "Last-Modified: ", r->entity->modified_s);
  out = put(out, "Accept-Ranges: bytes\r\n");
  return r->range ? put_range(out, r) : out;
}

/* RFC 9110 8.6, 6.4.1: no length and no body for these. */
static bool has_no_body(unsigned status)
{
  return status < 200 || status == 204 || status == 304;
}

size_t http_reply_write(char *out, const http_reply *r, int64_t now_s)
{
  char *at = put_number(put(out, "HTTP/1.1 "), r->status);
  at = put(put(put(at, " "), http_reason(r->status)), "\r\n");
  at = put_date(at, "Date: ", now_s);
  if (r->type) at = put(put(put(at, "Content-Type: "), r->type), "\r\n");
  if (r->chunked)
    at = put(at, "Transfer-Encoding: chunked\r\n");
  else if (!has_no_body(r->status))
    at = put(put_number(put(at, "Content-Length: "), r->length), "\r\n");
  if (r->entity) at = put_entity(at, r);
  if (r->allow) at = put(put(put(at, "Allow: "), r->allow), "\r\n");
  if (r->location.len) at = put(put_text(put(at, "Location: "), r->location), "/\r\n");
  if (r->close)
    at = put(at, "Connection: close\r\n");
  else if (r->keep)
    at = put(at, "Connection: keep-alive\r\n");
  at = put(at, "\r\n");
  return (size_t)(at - out);
}
