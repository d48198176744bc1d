/* http_cond.h - conditional requests and ranges: what of a file a request wants.
 * RFC 9110 sections 13 and 14. Pure functions over a parsed head. */
#ifndef HTTP_COND_H
#define HTTP_COND_H

#include "http_parser.h"

enum { HTTP_ETAG_BYTES = 64 };

/* What identifies the content that would be sent. */
typedef struct http_entity {
  uint64_t size;              /* bytes */
  int64_t modified_s;         /* seconds since 1970 */
  char etag[HTTP_ETAG_BYTES]; /* strong, with its quotes, NUL-ended */
} http_entity;

/* Bytes first .. first + count - 1. */
typedef struct http_range {
  uint64_t first;
  uint64_t count;
} http_range;

/** Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the
 * order
 *  of RFC 9110 13.2.2.
 *  p       borrowed; its head is complete
 *  head    borrowed, the bytes of the head
 *  entity  borrowed
 *  returns 200: go on; 304 or 412: answer that
 *  runs    anywhere */
unsigned http_cond_check(const http_parser *p, const char *head,
                         const http_entity *entity);

/** Evaluates Range and If-Range of a GET. Several ranges are answered as none: the whole.
 *  p, head, entity   as http_cond_check
 *  range   out; for 200 the whole
 *  returns 200, 206, or 416: no byte of it exists
 *  runs    anywhere */
unsigned http_cond_range(const http_parser *p, const char *head,
                         const http_entity *entity, http_range *range);

#endif
