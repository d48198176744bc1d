/* http_parser_fuzz.c - the HTTP parser: no input may break it, and no cutting of the
 * input may change what it understands.
 *
 * The first byte chooses the cut and the limits, the rest is the input. It is parsed
 * whole and cut; the traces must be equal. A difference aborts. */
#include "../http_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
  static const http_limits small = {16, 128, 4, 32};
  if (len < 1 || len > 4096) return 0;
  const http_limits *limits = bytes[0] & 0x80 ? &small : &http_trace_limits;
  http_cut cut = {1 + (size_t)(bytes[0] & 0x70), 1 + (size_t)(bytes[0] & 0x0f)};
  http_text input = {(const char *)bytes + 1, len - 1};
  http_trace whole = {NULL, 0, 0}, pieces = {NULL, 0, 0};
  http_trace_run(&whole, input, (http_cut){len, 1}, limits);
  http_trace_run(&pieces, input, cut, limits);
  if (whole.len != pieces.len || memcmp(whole.text, pieces.text, whole.len) != 0) {
    fprintf(stderr, "whole:\n%s\npieces:\n%s\n", whole.text, pieces.text);
    abort();
  }
  http_trace_free(&whole);
  http_trace_free(&pieces);
  return 0;
}
