/* http_parser.c - the head of a request: request line and header fields.
 *
 * Two passes over each line. scan_line looks at every byte once, in order, and finds the
 * end of the line; it refuses control bytes, bare CR and bare LF, and keeps the limits.
 * Then the complete line is taken apart. Because both depend on nothing but the bytes up
 * to that point, the cutting of the input cannot be seen in the result.
 * Inside a complete line the CR is a sentinel: loops over a character class end there. */
#include "http_parser.h"

#include "http_body.h"
#include "http_chars.h"

#include <endian.h>
#include <string.h>

static const char *const BAD_HOST = "the host is not valid";

http_event http_refuse(http_parser *p, uint16_t status, const char *why)
{
  p->status = status;
  p->why = why;
  p->keep_alive = false;
  return HTTP_BAD;
}

void http_parser_start(http_parser *p, const http_limits *limits)
{
  *p = (http_parser){.limits = limits, .state_ = HTTP_STATE_REQUEST_LINE};
}

http_text http_span_text(const char *head, http_span span)
{
  return (http_text){head + span.at, span.len};
}

bool http_text_is(http_text text, const char *lower)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c | 0x20);
    if (lower[i] == '\0' || c != lower[i]) return false;
  }
  return lower[text.len] == '\0';
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static http_text trimmed(const char *from, const char *to)
{
  while (from < to && is_blank(*from)) from++;
  while (from < to && is_blank(to[-1])) to--;
  return (http_text){from, (size_t)(to - from)};
}

bool http_list_next(http_text *list, http_text *item)
{
  if (list->at == NULL) return false;
  const char *end = list->at + list->len;
  const char *comma = list->len ? memchr(list->at, ',', list->len) : NULL;
  *item = trimmed(list->at, comma ? comma : end);
  list->at = comma ? comma + 1 : NULL;
  list->len = comma ? (size_t)(end - list->at) : 0;
  return true;
}

static http_event line_too_long(http_parser *p, const char *bytes)
{
  if (p->state_ != HTTP_STATE_REQUEST_LINE)
    return http_refuse(p, 431, "the head is too long");
  if (memchr(bytes + p->line_, ' ', HTTP_METHOD_MAX + 1) == NULL)
    return http_refuse(p, 501, "the method is too long");
  return http_refuse(p, 414, "the request target is too long");
}

/* The first offset that the current line must not reach. */
static uint32_t line_bound(const http_parser *p)
{
  uint32_t head_max = p->limits->head_bytes_max;
  if (p->state_ != HTTP_STATE_REQUEST_LINE) return head_max;
  uint32_t frame = HTTP_METHOD_MAX + (uint32_t)sizeof(" "
                                                      " HTTP/1.1\r\n");
  uint64_t bound = (uint64_t)p->line_ + frame + p->limits->target_bytes_max;
  return bound < head_max ? (uint32_t)bound : head_max;
}

/* How many bytes there are before the first control byte or DEL, or some of them. Eight
 * at a time: in most lines the first such byte is the end. */
static uint32_t plain_bytes(const char *bytes, uint32_t len)
{
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
  uint32_t i = 0;
  for (; len - i >= 8; i += 8) {
    uint64_t word, found;
    memcpy(&word, bytes + i, sizeof(word));
    word = le64toh(word); /* a borrow spoils only what is behind the first one found */
    uint64_t not_del = word ^ (ones * 0x7f);
    found = ((word - ones * ' ') & ~word) | ((not_del - ones) & ~not_del);
    if ((found & tops) != 0) return i + (uint32_t)__builtin_ctzll(found & tops) / 8;
  }
  return i;
}

/* Moves scan_ to the LF of the current line: HTTP_HEAD_DONE when it is there. */
static http_event scan_line(http_parser *p, const char *bytes, size_t len)
{
  uint32_t bound = line_bound(p);
  uint32_t stop = len < bound ? (uint32_t)len : bound;
  uint32_t i = p->scan_;
  if (i < stop) i += plain_bytes(bytes + i, stop - i);
  for (; i < stop; i++) {
    if (http_char_is(bytes[i], HTTP_VALUE)) continue;
    p->scan_ = i;
    if (bytes[i] == '\r') {
      if (i + 1 == len) return HTTP_MORE;
      if (bytes[i + 1] != '\n')
        return http_refuse(p, 400, "a carriage return without line feed");
      continue;
    }
    if (bytes[i] != '\n') return http_refuse(p, 400, "a control byte in the head");
    if (i == p->line_ || bytes[i - 1] != '\r')
      return http_refuse(p, 400, "a line feed without carriage return");
    return HTTP_HEAD_DONE;
  }
  p->scan_ = i;
  return i == bound ? line_too_long(p, bytes) : HTTP_MORE;
}

static bool all_in_class(http_text text, enum http_char_class class)
{
  for (size_t i = 0; i < text.len; i++)
    if (!http_char_is(text.at[i], class)) return false;
  return true;
}

/* RFC 3986 2.1: a percent sign is followed by two hexadecimal digits. */
static bool percents_are_whole(http_text text)
{
  const char *end = text.at + text.len;
  const char *c = text.len ? memchr(text.at, '%', text.len) : NULL;
  while (c) {
    if (end - c < 3 || http_hex_digit(c[1]) < 0 || http_hex_digit(c[2]) < 0) return false;
    c += 3;
    c = c < end ? memchr(c, '%', (size_t)(end - c)) : NULL;
  }
  return true;
}

static bool port_is_valid(http_text port)
{
  for (size_t i = 0; i < port.len; i++)
    if (port.at[i] < '0' || port.at[i] > '9') return false;
  return port.len <= 5;
}

/* uri-host [ ":" port ], RFC 3986 3.2.2 without IPvFuture and never empty. */
static bool host_is_valid(http_text host, bool needs_port)
{
  size_t i = 0;
  if (host.len > 0 && host.at[0] == '[') {
    for (i = 1; i < host.len && host.at[i] != ']'; i++)
      if (http_hex_digit(host.at[i]) < 0 && host.at[i] != ':' && host.at[i] != '.')
        return false;
    if (i++ == host.len || i < 4) return false;
  } else {
    while (i < host.len && http_char_is(host.at[i], HTTP_HOST)) i++;
  }
  if (i == 0 || !percents_are_whole((http_text){host.at, i})) return false;
  if (i == host.len) return !needs_port;
  http_text port = {host.at + i + 1, host.len - i - 1};
  return host.at[i] == ':' && port_is_valid(port) && (!needs_port || port.len > 0);
}

/* "http://host/path": RFC 9112 3.2.2. User information is refused, RFC 9110 4.2.4. */
static bool take_absolute_target(http_parser *p, const char *bytes, http_text target)
{
  size_t scheme = 0;
  if (target.len > 8 && http_text_is((http_text){target.at, 8}, "https://"))
    scheme = 8;
  else if (target.len > 7 && http_text_is((http_text){target.at, 7}, "http://"))
    scheme = 7;
  if (scheme == 0) return false;
  size_t i = scheme;
  while (i < target.len && target.at[i] != '/' && target.at[i] != '?') i++;
  if (!host_is_valid((http_text){target.at + scheme, i - scheme}, false)) return false;
  p->path = (http_span){(uint32_t)(target.at + i - bytes), (uint32_t)(target.len - i)};
  return true;
}

static bool take_target(http_parser *p, const char *bytes)
{
  http_text target = http_span_text(bytes, p->target);
  http_text method = http_span_text(bytes, p->method);
  if (method.len == 7 && memcmp(method.at, "CONNECT", 7) == 0)
    return host_is_valid(target, true);
  if (target.len == 1 && target.at[0] == '*')
    return method.len == 7 && memcmp(method.at, "OPTIONS", 7) == 0;
  if (target.len > 0 && target.at[0] == '/')
    p->path = p->target;
  else if (!take_absolute_target(p, bytes, target))
    return false;
  http_text path = http_span_text(bytes, p->path);
  return all_in_class(path, HTTP_TARGET) && percents_are_whole(path);
}

static http_event take_version(http_parser *p, http_text version)
{
  static const char shape[] = "HTTP/";
  size_t fixed = sizeof(shape) - 1;
  const char *v = version.at;
  if (version.len != fixed + 3 || memcmp(v, shape, fixed) != 0 || v[fixed + 1] != '.')
    return http_refuse(p, 400, "the request line does not end with a version");
  char major = v[fixed], minor = v[fixed + 2];
  if (major < '0' || major > '9' || minor < '0' || minor > '9')
    return http_refuse(p, 400, "the version is not a number");
  if (major != '1' || minor > '1')
    return http_refuse(p, 505, "the version is not supported");
  p->minor = (uint8_t)(minor - '0');
  return HTTP_MORE;
}

/* method SP request-target SP HTTP-version, one space each: RFC 9112 3. */
static http_event take_request_line(http_parser *p, const char *bytes, uint32_t end)
{
  uint32_t i = p->line_;
  while (http_char_is(bytes[i], HTTP_TOKEN)) i++;
  p->method = (http_span){p->line_, i - p->line_};
  if (i == p->line_ || bytes[i] != ' ')
    return http_refuse(p, 400, "the method is not a token");
  if (p->method.len > HTTP_METHOD_MAX)
    return http_refuse(p, 501, "the method is too long");
  i++;
  const char *space = memchr(bytes + i, ' ', end - i);
  if (space == NULL)
    return http_refuse(p, 400, "the request line does not end with a version");
  p->target = (http_span){i, (uint32_t)(space - (bytes + i))};
  i += p->target.len + 1;
  if (take_version(p, (http_text){bytes + i, end - i}) == HTTP_BAD) return HTTP_BAD;
  if (p->target.len > p->limits->target_bytes_max)
    return http_refuse(p, 414, "the request target is too long");
  if (!take_target(p, bytes))
    return http_refuse(p, 400, "the request target is not valid");
  p->state_ = HTTP_STATE_FIELDS;
  p->fields = (http_span){end + 2, 0};
  return HTTP_MORE;
}

/* 1*DIGIT and nothing else, once: RFC 9112 6.3, with every option to be lenient
 * refused. */
static http_event take_content_length(http_parser *p, http_text value)
{
  if (p->has_length) return http_refuse(p, 400, "more than one Content-Length");
  p->has_length = true;
  for (size_t i = 0; i < value.len; i++) {
    unsigned digit = (unsigned)((uint8_t)value.at[i] - '0');
    if (digit > 9) return http_refuse(p, 400, "Content-Length is not a number");
    if (p->content_length > (UINT64_MAX - digit) / 10)
      return http_refuse(p, 400, "Content-Length is too large");
    p->content_length = p->content_length * 10 + digit;
  }
  if (value.len == 0) return http_refuse(p, 400, "Content-Length is empty");
  return HTTP_MORE;
}

/* Exactly "chunked", once. A list that ends with it asks for a coding we do not have
 * (501); anything else leaves the end of the message in doubt (400): RFC 9112 6.1,
 * 6.3. */
static http_event take_transfer_encoding(http_parser *p, http_text value)
{
  if (p->chunked || p->other_coding_)
    return http_refuse(p, 400, "more than one Transfer-Encoding");
  if (p->minor == 0) return http_refuse(p, 400, "Transfer-Encoding in HTTP/1.0");
  if (http_text_is(value, "chunked")) {
    p->chunked = true;
    return HTTP_MORE;
  }
  http_text rest = value, item = {NULL, 0};
  while (http_list_next(&rest, &item)) continue;
  if (!http_text_is(item, "chunked"))
    return http_refuse(p, 400, "Transfer-Encoding does not end with chunked");
  p->other_coding_ = true;
  return HTTP_MORE;
}

static http_event take_host(http_parser *p, http_text value)
{
  if (p->has_host_) return http_refuse(p, 400, "more than one Host");
  if (!host_is_valid(value, false)) return http_refuse(p, 400, BAD_HOST);
  p->has_host_ = true;
  return HTTP_MORE;
}

static void take_connection(http_parser *p, http_text value)
{
  http_text item;
  while (http_list_next(&value, &item)) {
    p->close_ |= http_text_is(item, "close");
    p->persist_ |= http_text_is(item, "keep-alive");
  }
}

static void take_expect(http_parser *p, http_text value)
{
  if (http_text_is(value, "100-continue"))
    p->expects_continue = true;
  else
    p->unknown_expect_ = true;
}

static http_event take_field(http_parser *p, const char *bytes, uint32_t end)
{
  if (++p->count_ > p->limits->header_count_max)
    return http_refuse(p, 431, "too many header fields");
  uint32_t i = p->line_;
  while (http_char_is(bytes[i], HTTP_TOKEN)) i++;
  if (i == p->line_ || bytes[i] != ':')
    return http_refuse(p, 400, "a header name is not a token before a colon");
  http_text name = {bytes + p->line_, i - p->line_};
  http_text value = trimmed(bytes + i + 1, bytes + end);
  if (name.len == 4 && http_text_is(name, "host")) return take_host(p, value);
  if (name.len == 14 && http_text_is(name, "content-length"))
    return take_content_length(p, value);
  if (name.len == 17 && http_text_is(name, "transfer-encoding"))
    return take_transfer_encoding(p, value);
  if (name.len == 10 && http_text_is(name, "connection"))
    take_connection(p, value);
  else if (name.len == 6 && http_text_is(name, "expect"))
    take_expect(p, value);
  return HTTP_MORE;
}

/* The empty line: what can only be judged with all fields known. */
static http_event finish_head(http_parser *p)
{
  p->fields.len = p->line_ - p->fields.at;
  p->head_bytes = p->scan_ + 1;
  if (p->minor == 1 && !p->has_host_) return http_refuse(p, 400, "Host is missing");
  if (p->has_length && (p->chunked || p->other_coding_))
    return http_refuse(p, 400, "both Content-Length and Transfer-Encoding");
  if (p->other_coding_)
    return http_refuse(p, 501, "the transfer coding is not supported");
  if (p->minor == 0) p->expects_continue = p->unknown_expect_ = false;
  if (p->unknown_expect_) return http_refuse(p, 417, "the expectation is not supported");
  if (p->content_length > p->limits->body_bytes_max)
    return http_refuse(p, 413, "the body is too long");
  p->keep_alive = !p->close_ && (p->minor == 1 || p->persist_);
  p->left_ = p->content_length;
  p->count_ = 0;
  p->state_ = HTTP_STATE_DONE;
  if (p->chunked)
    p->state_ = HTTP_STATE_SIZE;
  else if (p->left_ > 0)
    p->state_ = HTTP_STATE_LENGTH;
  return HTTP_HEAD_DONE;
}

static http_event take_line(http_parser *p, const char *bytes)
{
  uint32_t end = p->scan_ - 1;
  bool empty = end == p->line_;
  if (p->state_ == HTTP_STATE_FIELDS)
    return empty ? finish_head(p) : take_field(p, bytes, end);
  if (!empty) return take_request_line(p, bytes, end);
  if (++p->blanks_ > HTTP_BLANK_LINES_MAX)
    return http_refuse(p, 400, "too many empty lines before the request");
  return HTTP_MORE;
}

http_event http_parse_head(http_parser *p, const char *bytes, size_t len)
{
  if (p->status != 0) return HTTP_BAD;
  for (;;) {
    http_event event = scan_line(p, bytes, len);
    if (event != HTTP_HEAD_DONE) return event;
    event = take_line(p, bytes);
    if (event != HTTP_MORE) return event;
    p->line_ = ++p->scan_;
  }
}

bool http_field_next(http_text *fields, http_text *name, http_text *value)
{
  const char *line = fields->at;
  const char *feed = fields->len ? memchr(line, '\n', fields->len) : NULL;
  const char *colon = fields->len ? memchr(line, ':', fields->len) : NULL;
  if (feed == NULL || colon == NULL) return false;
  *name = (http_text){line, (size_t)(colon - line)};
  *value = trimmed(colon + 1, feed - 1);
  fields->at = feed + 1;
  fields->len -= (size_t)(fields->at - line);
  return true;
}

size_t http_header_find(const http_parser *p, const char *head, const char *name,
                        http_text *value)
{
  size_t count = 0;
  http_text fields = http_span_text(head, p->fields), found, found_value;
  while (http_field_next(&fields, &found, &found_value))
    if (http_text_is(found, name) && count++ == 0) *value = found_value;
  return count;
}
