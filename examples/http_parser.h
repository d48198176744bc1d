/* http_parser.h - a strict HTTP/1.0 and HTTP/1.1 request parser without input or output.
 *
 * The head is parsed where it lies: the caller keeps the bytes of one request head
 * together (usually they are one received buffer), calls http_parse_head again when more
 * have come, and the parser goes on where it stopped. All results are offsets into those
 * bytes, so nothing is copied or allocated. The body is fed in any pieces to
 * http_parse_body.
 *
 * Invariant: how the input is cut never changes the answer. What RFC 9110 or 9112 leaves
 * in doubt, and every known way to smuggle a request, is refused: HTTP_BAD with the
 * status to answer before the connection is closed. Nothing recurses; every loop eats
 * input. A parser belongs to one connection; it is a plain value and needs no cleaning
 * up. */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HTTP_METHOD_MAX = 32,             /* bytes of a method name                       */
  HTTP_BLANK_LINES_MAX = 4,         /* empty lines before a request, RFC 9112 2.2   */
  HTTP_EXTENSION_BYTES_MAX = 16384, /* all chunk extensions of one body            */
  HTTP_TRAILER_BYTES_MAX = 8192,    /* the trailer section of one body              */
};

/* What a peer may send; the caller's, constant while parsers use it. */
typedef struct http_limits {
  uint32_t target_bytes_max; /* longer: 414 */
  uint32_t head_bytes_max;   /* longer: 431; at most 1 << 30 */
  uint32_t header_count_max; /* more: 431; also for trailers */
  uint64_t body_bytes_max;   /* longer: 413 */
} http_limits;

/* A part of the head: offset and length in bytes. */
typedef struct http_span {
  uint32_t at;
  uint32_t len;
} http_span;

/* Text that lies somewhere else and is not ended by NUL. */
typedef struct http_text {
  const char *at;
  size_t len;
} http_text;

typedef enum http_event {
  HTTP_MORE,      /* all given bytes are used or kept; more are needed        */
  HTTP_HEAD_DONE, /* the head is complete: head_bytes of it                   */
  HTTP_DATA,      /* a piece of the body                                      */
  HTTP_DONE,      /* the body is complete; the next request follows           */
  HTTP_BAD,       /* refused: answer `status`, then close                     */
} http_event;

typedef struct http_parser {
  const http_limits *limits;
  const char *why; /* after HTTP_BAD: one short sentence, constant          */
  uint16_t status; /* after HTTP_BAD: 400 413 414 417 431 501 or 505        */
  uint8_t minor;   /* after HTTP_HEAD_DONE: HTTP/1.minor                         */
  bool keep_alive; /* the client wants to go on after this request          */
  bool chunked;    /* the body is chunked                                   */
  bool has_length; /* the body has a Content-Length                         */
  bool expects_continue;
  http_span method;
  http_span target;        /* as received                                          */
  http_span path;          /* path and query of it; empty for "*" and CONNECT      */
  http_span fields;        /* the header lines without the last empty line         */
  uint32_t head_bytes;     /* the whole head with leading and final empty lines    */
  uint64_t content_length; /* bytes, if has_length                                 */
  uint64_t body_bytes;     /* bytes of body seen so far                            */

  /* The rest is the parser's own. */
  uint32_t scan_;      /* next byte of the head to look at                        */
  uint32_t line_;      /* where the line of that byte begins                      */
  uint32_t count_;     /* header lines seen, later trailer lines                  */
  uint32_t extension_; /* bytes of chunk extensions seen                          */
  uint64_t left_;      /* bytes left of the body or of the chunk                  */
  uint16_t trailer_;   /* bytes of trailers seen                                  */
  uint8_t state_;
  uint8_t digits_; /* digits of the chunk size, or letters in name_           */
  uint8_t blanks_;
  bool has_host_;
  bool close_;
  bool persist_;
  bool unknown_expect_;
  bool other_coding_;
  char name_[18]; /* the beginning of a trailer's name, lower case           */
} http_parser;

/** Makes ready for the first or the next request.
 *  p       borrowed; all fields are set
 *  limits  borrowed; must live as long as the parser is used
 *  runs    anywhere */
void http_parser_start(http_parser *p, const http_limits *limits);

/** Parses the head of a request.
 *  p      borrowed; started
 *  bytes  borrowed: all bytes since the start of this request, those of earlier calls
 *         first
 *  len    bytes
 *  returns HTTP_MORE, HTTP_HEAD_DONE or HTTP_BAD
 *  runs   anywhere
 *  source RFC 9112 sections 2 to 6 */
http_event http_parse_head(http_parser *p, const char *bytes, size_t len);

/** Parses a piece of the body; call it after HTTP_HEAD_DONE until HTTP_DONE (which comes
 * at once
 *  when there is no body).
 *  p      borrowed; its head is complete
 *  bytes  borrowed; what follows the bytes used so far
 *  len    bytes; may be 0
 *  data   out; for HTTP_DATA the piece, which lies in bytes; else empty
 *  used   out, bytes of input that are dealt with
 *  returns HTTP_MORE, HTTP_DATA, HTTP_DONE or HTTP_BAD
 *  runs   anywhere
 *  source RFC 9112 sections 6 and 7 */
http_event http_parse_body(http_parser *p, http_text bytes, http_text *data,
                           size_t *used);

/** The text of a span.
 *  head  borrowed, the bytes that were given to http_parse_head
 *  span  of the same parser
 *  runs  anywhere */
http_text http_span_text(const char *head, http_span span);

/** Takes the next header field.
 *  fields  borrowed: at first http_span_text of the parser's `fields`; left with the rest
 *  name    out
 *  value   out, without outer white space
 *  returns false: there was none left
 *  runs    anywhere */
bool http_field_next(http_text *fields, http_text *name, http_text *value);

/** Finds a header field.
 *  p      borrowed; its head is complete
 *  head   borrowed, the bytes of the head
 *  name   borrowed, in lower case
 *  value  out: the first field's value without outer white space; untouched if there is
 *         none
 *  returns how many fields have that name
 *  runs   anywhere
 *  cost   a walk over the head */
size_t http_header_find(const http_parser *p, const char *head, const char *name,
                        http_text *value);

/** Whether two texts are the same but for the case of ASCII letters.
 *  text   borrowed
 *  lower  borrowed, in lower case, ended by NUL
 *  runs   anywhere */
bool http_text_is(http_text text, const char *lower);

/** Removes the first element of a comma-separated list.
 *  list   borrowed; left with the rest
 *  item   out: the element without outer white space, maybe empty
 *  returns false: the list was used up
 *  runs   anywhere */
bool http_list_next(http_text *list, http_text *item);

#endif
