/* http_body.c - the body of a request: by length or in chunks with trailers.
 *
 * A state a byte for the framing, so the input may be cut anywhere; the bytes of the body
 * themselves are handed out in one piece, as they lie. Chunk extensions and trailers are
 * checked, bounded and dropped. No white space is taken around sizes and extensions: two
 * parsers that disagree about it can be played against each other. */
#include "http_body.h"

#include "http_chars.h"

#include <string.h>

static bool step(http_parser *p, enum http_state next)
{
  p->state_ = (uint8_t)next;
  return true;
}

static bool bad_chunk(http_parser *p)
{
  http_refuse(p, 400, "the chunk framing is not valid");
  return false;
}

static bool size_byte(http_parser *p, char c)
{
  int digit = http_hex_digit(c);
  if (digit < 0 && p->digits_ > 0 && c == '\r') return step(p, HTTP_STATE_SIZE_LF);
  if (digit < 0 && p->digits_ > 0 && c == ';') return step(p, HTTP_STATE_EXT_NAME_BEGIN);
  if (digit < 0 || p->digits_ == 16) return bad_chunk(p);
  p->digits_++;
  p->left_ = p->left_ << 4 | (uint64_t)digit;
  return true;
}

/* After a name, a value or a quoted value: the next extension or the end of the line. */
static bool extension_end(http_parser *p, char c)
{
  if (c == ';') return step(p, HTTP_STATE_EXT_NAME_BEGIN);
  return c == '\r' ? step(p, HTTP_STATE_SIZE_LF) : bad_chunk(p);
}

static bool quoted_byte(http_parser *p, char c)
{
  if (!http_char_is(c, HTTP_VALUE)) return bad_chunk(p);
  if (p->state_ == HTTP_STATE_EXT_ESCAPED) return step(p, HTTP_STATE_EXT_QUOTED);
  if (c == '"') return step(p, HTTP_STATE_EXT_QUOTED_END);
  return c == '\\' ? step(p, HTTP_STATE_EXT_ESCAPED) : true;
}

/* *( ";" name [ "=" ( token / quoted-string ) ] ): RFC 9112 7.1.1. */
static bool extension_byte(http_parser *p, char c)
{
  if (++p->extension_ > HTTP_EXTENSION_BYTES_MAX) return bad_chunk(p);
  bool token = http_char_is(c, HTTP_TOKEN);
  switch (p->state_) {
  case HTTP_STATE_EXT_NAME_BEGIN:
    return token ? step(p, HTTP_STATE_EXT_NAME) : bad_chunk(p);
  case HTTP_STATE_EXT_NAME:
    if (c == '=') return step(p, HTTP_STATE_EXT_VALUE_BEGIN);
    return token ? true : extension_end(p, c);
  case HTTP_STATE_EXT_VALUE_BEGIN:
    if (c == '"') return step(p, HTTP_STATE_EXT_QUOTED);
    return token ? step(p, HTTP_STATE_EXT_VALUE) : bad_chunk(p);
  case HTTP_STATE_EXT_VALUE:
    return token ? true : extension_end(p, c);
  case HTTP_STATE_EXT_QUOTED_END:
    return extension_end(p, c);
  default:
    return quoted_byte(p, c);
  }
}

static bool size_done(http_parser *p, char c)
{
  if (c != '\n') return bad_chunk(p);
  p->digits_ = 0;
  if (p->left_ == 0) return step(p, HTTP_STATE_TRAILER);
  if (p->left_ > p->limits->body_bytes_max - p->body_bytes) {
    http_refuse(p, 413, "the body is too long");
    return false;
  }
  return step(p, HTTP_STATE_DATA);
}

/* Fields that frame or route the message must not come late: RFC 9110 6.5.1. */
static bool trailer_name_done(http_parser *p)
{
  http_text name = {p->name_, p->digits_};
  if (http_text_is(name, "content-length") || http_text_is(name, "transfer-encoding") ||
      http_text_is(name, "host")) {
    http_refuse(p, 400, "a trailer that frames or routes the request");
    return false;
  }
  return step(p, HTTP_STATE_TRAILER_VALUE);
}

static bool trailer_name_byte(http_parser *p, char c)
{
  if (c == ':' && p->digits_ > 0) return trailer_name_done(p);
  if (!http_char_is(c, HTTP_TOKEN)) return bad_chunk(p);
  if (p->digits_ < sizeof(p->name_)) p->name_[p->digits_++] = c;
  return true;
}

static bool trailer_byte(http_parser *p, char c)
{
  if (++p->trailer_ > HTTP_TRAILER_BYTES_MAX) {
    http_refuse(p, 431, "the trailers are too long");
    return false;
  }
  switch (p->state_) {
  case HTTP_STATE_TRAILER:
    if (c == '\r') return step(p, HTTP_STATE_END_LF);
    if (++p->count_ > p->limits->header_count_max) {
      http_refuse(p, 431, "too many trailer fields");
      return false;
    }
    p->digits_ = 0;
    p->state_ = HTTP_STATE_TRAILER_NAME;
    return trailer_name_byte(p, c);
  case HTTP_STATE_TRAILER_NAME:
    return trailer_name_byte(p, c);
  case HTTP_STATE_TRAILER_VALUE:
    if (c == '\r') return step(p, HTTP_STATE_TRAILER_LF);
    return http_char_is(c, HTTP_VALUE) ? true : bad_chunk(p);
  case HTTP_STATE_TRAILER_LF:
    return c == '\n' ? step(p, HTTP_STATE_TRAILER) : bad_chunk(p);
  default:
    return c == '\n' ? step(p, HTTP_STATE_DONE) : bad_chunk(p);
  }
}

static bool framing_byte(http_parser *p, char c)
{
  switch (p->state_) {
  case HTTP_STATE_SIZE:
    return size_byte(p, c);
  case HTTP_STATE_SIZE_LF:
    return size_done(p, c);
  case HTTP_STATE_DATA_CR:
    return c == '\r' ? step(p, HTTP_STATE_DATA_LF) : bad_chunk(p);
  case HTTP_STATE_DATA_LF:
    return c == '\n' ? step(p, HTTP_STATE_SIZE) : bad_chunk(p);
  default:
    return p->state_ < HTTP_STATE_SIZE_LF ? extension_byte(p, c) : trailer_byte(p, c);
  }
}

static http_event take_data(http_parser *p, http_text bytes, http_text *data,
                            size_t *used)
{
  size_t len = bytes.len - *used;
  if (len > p->left_) len = (size_t)p->left_;
  if (len == 0) return HTTP_MORE;
  *data = (http_text){bytes.at + *used, len};
  *used += len;
  p->left_ -= len;
  p->body_bytes += len;
  if (p->left_ == 0)
    p->state_ = p->state_ == HTTP_STATE_DATA ? HTTP_STATE_DATA_CR : HTTP_STATE_DONE;
  return HTTP_DATA;
}

http_event http_parse_body(http_parser *p, http_text bytes, http_text *data, size_t *used)
{
  *data = (http_text){bytes.at, 0};
  *used = 0;
  if (p->status != 0) return HTTP_BAD;
  while (p->state_ != HTTP_STATE_DONE) {
    if (p->state_ == HTTP_STATE_LENGTH || p->state_ == HTTP_STATE_DATA)
      return take_data(p, bytes, data, used);
    if (*used == bytes.len) return HTTP_MORE;
    if (!framing_byte(p, bytes.at[(*used)++])) return HTTP_BAD;
  }
  return HTTP_DONE;
}
