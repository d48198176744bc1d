/* http_reply.h - heads of answers, as text.
 *
 * Pure functions into the caller's memory; nothing of the request gets into a head but
 * the Location of a redirect, which the parser has checked. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "http_cond.h"

enum {
  HTTP_REPLY_BYTES_MAX = 1024, /* a head without its Location */
};

/* Zero in any field: the line is left out. */
typedef struct http_reply {
  unsigned status;
  bool chunked;       /* Transfer-Encoding: chunked; else Content-Length, unless the
                                status forbids it */
  uint64_t length;    /* bytes of the body */
  const char *type;   /* Content-Type */
  const char *allow;  /* Allow */
  http_text location; /* Location: this path with a slash behind it */
  const http_entity *entity; /* ETag, Last-Modified, Accept-Ranges */
  const http_range *range;   /* for 206, of entity; 416 needs entity only */
  bool close;                /* Connection: close */
  bool keep;                 /* Connection: keep-alive, for HTTP/1.0 */
} http_reply;

/** The reason phrase.
 *  status  of an answer
 *  returns a constant; "Unknown" for others
 *  runs    anywhere */
const char *http_reason(unsigned status);

/** Writes a head with its final empty line.
 *  out     borrowed, HTTP_REPLY_BYTES_MAX + r->location.len bytes of room
 *  r       borrowed
 *  now_s   seconds since 1970, for Date
 *  returns bytes written; not ended by NUL
 *  runs    anywhere
 *  source  RFC 9112 section 4, RFC 9110 section 6.6.1 */
size_t http_reply_write(char *out, const http_reply *r, int64_t now_s);

/** Writes a number in decimal.
 *  out     borrowed, 20 bytes of room
 *  returns bytes written
 *  runs    anywhere */
size_t http_decimal(char *out, uint64_t number);

/** The time, coarse and cheap.
 *  returns seconds since 1970
 *  runs    anywhere */
int64_t http_now_s(void);

#endif
