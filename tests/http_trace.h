/* http_trace.h - what the HTTP parser makes of an input, as text, for tests to compare.
 *
 * One line a request: method, target, version, "keep" or "close", [name=value] for each
 * header field, {the body} (without the last brace when it is not complete). The last
 * line says how it ended: "more" (the input ends between or inside requests), "close"
 * (after a request that ends the connection) or "bad" with the status. Every piece is
 * given to the parser in a block of its own exact size, so that an address sanitizer sees
 * a read beyond it. */
#ifndef HTTP_TRACE_H
#define HTTP_TRACE_H

#include "../examples/http_parser.h"

/* How the input is cut: a first piece, then pieces of `step` bytes; both at least 1. */
typedef struct http_cut {
  size_t first;
  size_t step;
} http_cut;

typedef struct http_trace {
  char *text; /* NUL-ended; NULs of the input are kept */
  size_t len;
  size_t room;
} http_trace;

/* The limits of the example server. */
extern const http_limits http_trace_limits;

/* Appends text to a trace; aborts without memory. */
void http_trace_add(http_trace *t, http_text text);
void http_trace_adds(http_trace *t, const char *text);

/* Frees the text. */
void http_trace_free(http_trace *t);

/* Runs the parser over the input. t is zero or freed before. */
void http_trace_run(http_trace *t, http_text input, http_cut cut,
                    const http_limits *limits);

#endif
