/* http_chars.h - which bytes may stand where in an HTTP message (RFC 9110 5.6.2, 5.5;
 * RFC 3986 2.2, 2.3). One table look-up a byte; the table is constant. */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum http_char_class {
  HTTP_TOKEN = 1,  /* tchar: methods and header names                                   */
  HTTP_TARGET = 2, /* pchar, "/" and "?": paths and queries                             */
  HTTP_VALUE = 4,  /* header values: visible bytes, space, tab, and bytes above 127     */
  HTTP_HOST = 8,   /* reg-name                                                          */
};

extern const uint8_t http_char_classes[256];

static inline bool http_char_is(char c, enum http_char_class class)
{
  return (http_char_classes[(uint8_t)c] & (unsigned)class) != 0;
}

/* The value of a hexadecimal digit, or -1. */
static inline int http_hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  char lower = (char)(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

#endif
