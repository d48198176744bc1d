/* http_body.h - what http_parser.c and http_body.c share: the states of a request in the
 * order in which they are passed, and the way to refuse.
 * Only these two files include it. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "http_parser.h"

enum http_state {
  HTTP_STATE_REQUEST_LINE,
  HTTP_STATE_FIELDS,
  HTTP_STATE_LENGTH, /* left_ bytes of a body with Content-Length */
  HTTP_STATE_SIZE,   /* from here to DATA: the line before a chunk */
  HTTP_STATE_EXT_NAME_BEGIN,
  HTTP_STATE_EXT_NAME,
  HTTP_STATE_EXT_VALUE_BEGIN,
  HTTP_STATE_EXT_VALUE,
  HTTP_STATE_EXT_QUOTED,
  HTTP_STATE_EXT_ESCAPED,
  HTTP_STATE_EXT_QUOTED_END,
  HTTP_STATE_SIZE_LF,
  HTTP_STATE_DATA, /* left_ bytes of a chunk */
  HTTP_STATE_DATA_CR,
  HTTP_STATE_DATA_LF,
  HTTP_STATE_TRAILER, /* at the beginning of a trailer line */
  HTTP_STATE_TRAILER_NAME,
  HTTP_STATE_TRAILER_VALUE,
  HTTP_STATE_TRAILER_LF,
  HTTP_STATE_END_LF,
  HTTP_STATE_DONE,
};

/* Refuses the request for good. status: what to answer; why: a constant sentence. */
http_event http_refuse(http_parser *p, uint16_t status, const char *why);

#endif
