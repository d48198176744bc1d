/* http_date.h - the three date forms of HTTP (RFC 9110 5.6.7): reads all, writes the
 * first. Pure functions; the time itself is the caller's. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include "http_parser.h"

enum { HTTP_DATE_BYTES = 29 };

/** Writes "Sun, 06 Nov 1994 08:49:37 GMT".
 *  out     borrowed; HTTP_DATE_BYTES are written, and a NUL
 *  unix_s  seconds since 1970, years 0 to 9999
 *  runs    anywhere */
void http_date_write(char out[HTTP_DATE_BYTES + 1], int64_t unix_s);

/** Reads a date in any of the three forms.
 *  text    borrowed
 *  unix_s  out, seconds since 1970; untouched on failure
 *  returns false: it is not a date
 *  runs    anywhere */
bool http_date_read(http_text text, int64_t *unix_s);

#endif
