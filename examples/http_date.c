/* http_date.c - HTTP dates by pattern.
 *
 * In a pattern, letters stand for fields and everything else for itself:
 *   w  a day name of any length     D  two digits of the day, the first may be a space
 *   N  a month name                 Y  four digits of the year, y two of them
 *   h, m, s  two digits each
 * The day name is not compared with the date: nothing depends on it. */
#include "http_date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

void http_date_write(char out[HTTP_DATE_BYTES + 1], int64_t unix_s)
{
  time_t time = (time_t)unix_s;
  struct tm t;
  if (gmtime_r(&time, &t) == NULL || t.tm_year < -1900 || t.tm_year > 8099) {
    time = 0;
    gmtime_r(&time, &t);
  }
  snprintf(out, HTTP_DATE_BYTES + 1, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
           days + 3 * t.tm_wday, (unsigned)t.tm_mday % 100, months + 3 * t.tm_mon,
           (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
           (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
}

/* Takes digits from the front; -1 if there are too few. */
static int take_number(http_text *text, size_t digits)
{
  int value = 0;
  if (text->len < digits) return -1;
  for (size_t i = 0; i < digits; i++) {
    char c = text->at[i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text->at += digits;
  text->len -= digits;
  return value;
}

static int take_month(http_text *text)
{
  if (text->len < 3) return -1;
  for (int month = 0; month < 12; month++) {
    if (memcmp(text->at, months + 3 * month, 3) != 0) continue;
    text->at += 3;
    text->len -= 3;
    return month;
  }
  return -1;
}

static void skip_letters(http_text *text)
{
  while (text->len > 0 && (text->at[0] | 0x20) >= 'a' && (text->at[0] | 0x20) <= 'z') {
    text->at++;
    text->len--;
  }
}

static int take_day(http_text *text)
{
  bool padded = text->len > 0 && text->at[0] == ' ';
  text->at += padded;
  text->len -= padded;
  return take_number(text, padded ? 1 : 2);
}

/* RFC 9110: a two-digit year that seems to be 50 years ahead was 100 years before. */
static int full_year(int two_digits)
{
  time_t now = time(NULL);
  struct tm t;
  if (two_digits < 0 || gmtime_r(&now, &t) == NULL) return -1;
  int year = t.tm_year - t.tm_year % 100 + two_digits;
  return year > t.tm_year + 50 ? year - 100 : year;
}

static bool take_letter(http_text *text, char letter, struct tm *t)
{
  switch (letter) {
  case 'w':
    skip_letters(text);
    return true;
  case 'D':
    return (t->tm_mday = take_day(text)) > 0;
  case 'N':
    return (t->tm_mon = take_month(text)) >= 0;
  case 'Y':
    return (t->tm_year = take_number(text, 4) - 1900) >= -1900;
  case 'y':
    return (t->tm_year = full_year(take_number(text, 2))) >= 0;
  case 'h':
    return (t->tm_hour = take_number(text, 2)) >= 0 && t->tm_hour < 24;
  case 'm':
    return (t->tm_min = take_number(text, 2)) >= 0 && t->tm_min < 60;
  default:
    return (t->tm_sec = take_number(text, 2)) >= 0 && t->tm_sec <= 60;
  }
}

static bool matches(http_text text, const char *pattern, struct tm *t)
{
  for (; *pattern != '\0'; pattern++) {
    if (strchr("wDNYyhms", *pattern)) {
      if (!take_letter(&text, *pattern, t)) return false;
      continue;
    }
    if (text.len == 0 || text.at[0] != *pattern) return false;
    text.at++;
    text.len--;
  }
  return text.len == 0;
}

bool http_date_read(http_text text, int64_t *unix_s)
{
  static const char *const patterns[] = {"w, D N Y h:m:s GMT", "w, D-N-y h:m:s GMT",
                                         "w N D h:m:s Y"};
  for (size_t i = 0; i < 3; i++) {
    struct tm t = {0};
    if (!matches(text, patterns[i], &t)) continue;
    int day = t.tm_mday;
    int64_t seconds = timegm(&t);
    if (t.tm_mday != day) return false;
    *unix_s = seconds;
    return true;
  }
  return false;
}
