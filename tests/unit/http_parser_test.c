/* http_parser_test.c - the HTTP parser against tables of good and bad requests.
 *
 * Each sample is parsed whole, cut at every place, and byte by byte: the trace must be
 * the same. The bad ones hold every known shape of request smuggling. */
#include "../foal_test.h"
#include "../http_trace.h"

#include "../../examples/http_chars.h"

#include <string.h>

#define H "Host: a\r\n"

typedef struct sample {
  const char *input;
  const char *trace;
} sample;

static char *trace_of(http_text input, http_cut cut, const http_limits *limits)
{
  http_trace t = {NULL, 0, 0};
  http_trace_run(&t, input, cut, limits);
  return t.text;
}

static void check_text(http_text input, const char *trace, const http_limits *limits)
{
  char *whole = trace_of(input, (http_cut){input.len + 1, 1}, limits);
  cr_assert_str_eq(whole, trace, "\n--- input\n%s\n--- got\n%s\n--- wanted\n%s", input.at,
                   whole, trace);
  for (size_t cut = 1; cut < input.len; cut++) {
    char *cut_one = trace_of(input, (http_cut){cut, input.len}, limits);
    cr_assert_str_eq(cut_one, whole, "cut at %zu: %s\n%s", cut, input.at, cut_one);
    free(cut_one);
  }
  char *bytewise = trace_of(input, (http_cut){1, 1}, limits);
  cr_assert_str_eq(bytewise, whole, "byte by byte: %s\n%s", input.at, bytewise);
  free(bytewise);
  free(whole);
}

static void check(const char *input, const char *trace)
{
  check_text((http_text){input, strlen(input)}, trace, &http_trace_limits);
}

static void check_all(const sample *samples, size_t count)
{
  for (size_t i = 0; i < count; i++) check(samples[i].input, samples[i].trace);
}

#define CHECK_ALL(samples) check_all(samples, sizeof(samples) / sizeof((samples)[0]))

static void check_bad(const char *const *inputs, size_t count, const char *trace)
{
  for (size_t i = 0; i < count; i++) check(inputs[i], trace);
}

#define CHECK_BAD(inputs, trace)                                                         \
  check_bad(inputs, sizeof(inputs) / sizeof((inputs)[0]), trace)

Test(http_parser, character_classes_are_those_of_the_rfcs)
{
  static const char alnum[] =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static const struct {
    enum http_char_class set;
    const char *others;
  } sets[] = {
      {HTTP_TOKEN, "!#$%&'*+-.^_`|~"},
      {HTTP_TARGET, "-._~!$&'()*+,;=:@/?%"},
      {HTTP_HOST, "-._~!$&'()*+,;=%"},
  };
  for (unsigned c = 0; c < 256; c++) {
    for (size_t i = 0; i < 3; i++) {
      bool in = c != 0 && (strchr(alnum, (int)c) || strchr(sets[i].others, (int)c));
      cr_assert_eq(http_char_is((char)c, sets[i].set), in, "byte %u, set %zu", c, i);
    }
    cr_assert_eq(http_char_is((char)c, HTTP_VALUE), c == 9 || (c >= 32 && c != 127));
  }
}

static const sample good[] = {
    {"", "more"},
    {"GET / HTTP/1.1\r\n" H "\r\n", "GET / 1.1 keep [Host=a] {}\nmore"},
    {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close {}\nclose"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
     "GET / 1.0 keep [Connection=keep-alive] {}\nmore"},
    {"GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\nGET / HTTP/1.1\r\n",
     "GET / 1.1 close [Host=a] [Connection=x, Close] {}\nclose"},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\nConnection: x\r\n\r\n",
     "GET / 1.1 close [Host=a] [Connection=close] [Connection=x] {}\nclose"},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
     "GET / 1.0 close [Connection=keep-alive, close] {}\nclose"},
    {"\r\n\r\nGET /a?b=c&d=%20 HTTP/1.1\r\nhOsT:\t a:80 \t\r\nempty:\r\n\r\n",
     "GET /a?b=c&d=%20 1.1 keep [hOsT=a:80] [empty=] {}\nmore"},
    {"GET http://a.b/x?y HTTP/1.1\r\nHost: c\r\n\r\n",
     "GET http://a.b/x?y 1.1 keep [Host=c] {}\nmore"},
    {"GET HTTPS://[::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
     "GET HTTPS://[::1]:8443 1.1 keep [Host=[::1]:8443] {}\nmore"},
    {"GET http://a?q HTTP/1.1\r\n" H "\r\n", "GET http://a?q 1.1 keep [Host=a] {}\nmore"},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * 1.1 keep [Host=a] {}\nmore"},
    {"CONNECT a.b:443 HTTP/1.1\r\n" H "\r\n",
     "CONNECT a.b:443 1.1 keep [Host=a] {}\nmore"},
    {"M-SEARCH / HTTP/1.1\r\n" H "\r\nquery /%41 HTTP/1.1\r\n" H "\r\n",
     "M-SEARCH / 1.1 keep [Host=a] {}\nquery /%41 1.1 keep [Host=a] {}\nmore"},
    {"GET / HTTP/1.1\r\n" H "X: \xff\x80 ~\t!\r\n\r\n",
     "GET / 1.1 keep [Host=a] [X=\xff\x80 ~\t!] {}\nmore"},
    {"GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~09azAZ: x:y\r\n\r\n",
     "GET / 1.1 keep [Host=a] [!#$%&'*+-.^_`|~09azAZ=x:y] {}\nmore"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 005\r\n\r\nhelloGET / HTTP/1.1\r\n" H
     "\r\n",
     "POST / 1.1 keep [Host=a] [Content-Length=005] {hello}\n"
     "GET / 1.1 keep [Host=a] {}\nmore"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
     "POST / 1.1 keep [Host=a] [Content-Length=0] {}\nmore"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nhello",
     "POST / 1.1 keep [Host=a] [Content-Length=9] {hello\nmore"},
    {"GET / HTTP/1.1\r\n" H "Expect: 100-Continue\r\n\r\n",
     "GET / 1.1 keep [Host=a] [Expect=100-Continue] {}\nmore"},
    {"GET / HTTP/1.0\r\nExpect: anything\r\n\r\n",
     "GET / 1.0 close [Expect=anything] {}\nclose"},
    {"GET /unfinished", "more"},
    {"GET / HTTP/1.1\r\n" H "\r", "more"},
};

Test(http_parser, good_requests)
{
  CHECK_ALL(good);
}

#define CHUNKED       "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_TRACE "POST / 1.1 keep [Host=a] [Transfer-Encoding=chunked] "

static const sample chunked[] = {
    {CHUNKED "0\r\n\r\n", CHUNKED_TRACE "{}\nmore"},
    {CHUNKED "5\r\nhello\r\n000A\r\n, world!!!\r\n0\r\n\r\n",
     CHUNKED_TRACE "{hello, world!!!}\nmore"},
    {CHUNKED "1;a;b=c;d=\"e\\\"f;\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;a;b=c;d=\"e\\\"f;g\"\r\nx\r\n0;z\r\n\r\n", CHUNKED_TRACE "{x}\nmore"},
    {CHUNKED "0\r\nX: y\r\nZ:\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
     CHUNKED_TRACE "{}\nGET / 1.1 keep [Host=a] {}\nmore"},
    {CHUNKED "0000000000000001\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{x}\nmore"},
    {CHUNKED "2\r\nx", CHUNKED_TRACE "{x\nmore"},
    {CHUNKED "00000000000000001\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "FFFFFFFFFFFFFFFF\r\nx", CHUNKED_TRACE "{\nbad 413"},
    {CHUNKED "1\r\nxx\r\n0\r\n\r\n", CHUNKED_TRACE "{x\nbad 400"},
    {CHUNKED "1\r\nxy\n0\r\n\r\n", CHUNKED_TRACE "{x\nbad 400"},
    {CHUNKED "1\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1\r\nx\n0\r\n\r\n", CHUNKED_TRACE "{x\nbad 400"},
    {CHUNKED "1\rx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED ";a\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED " 1\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1 \r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1 ;a\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0x1\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "+1\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "-1\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1_0\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;a=\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;a=\"b\"c\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;a=\"b\nc\"\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "1;a\nb\r\nx\r\n0\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\n X: y\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nX : y\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\n: y\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nX: y\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nX: y\r\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\n\rx", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nContent-Length: 1\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nTRANSFER-encoding: chunked\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
    {CHUNKED "0\r\nHost: b\r\n\r\n", CHUNKED_TRACE "{\nbad 400"},
};

Test(http_parser, chunked_bodies)
{
  CHECK_ALL(chunked);
}

static const char *const bad_lines[] = {
    "\nGET / HTTP/1.1\r\n" H "\r\n",
    "\rGET / HTTP/1.1\r\n" H "\r\n",
    " GET / HTTP/1.1\r\n" H "\r\n",
    "\tGET / HTTP/1.1\r\n" H "\r\n",
    "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n",
    "GET / HTTP/1.0\n\n",
    "GET / HTTP/1.1\n" H "\r\n",
    "GET / HTTP/1.1\r" H "\r\n",
    "GET / HTTP/1.1\r\r\n" H "\r\n",
    "GET /\r\n\r\n",
    "GET / \r\n\r\n",
    "GET  / HTTP/1.1\r\n" H "\r\n",
    "GET /  HTTP/1.1\r\n" H "\r\n",
    "GET / HTTP/1.1 \r\n" H "\r\n",
    "GET\t/ HTTP/1.1\r\n" H "\r\n",
    "GET / / HTTP/1.1\r\n" H "\r\n",
    "GET / http/1.1\r\n" H "\r\n",
    "GET / HTTP/1.10\r\n" H "\r\n",
    "GET / HTTP/1\r\n" H "\r\n",
    "GET / HTTP/1,1\r\n" H "\r\n",
    "GET / HTTP/x.1\r\n" H "\r\n",
    "GET / HTPP/1.1\r\n" H "\r\n",
    "G@T / HTTP/1.1\r\n" H "\r\n",
    "GET: / HTTP/1.1\r\n" H "\r\n",
    "G\xc3\x84T / HTTP/1.1\r\n" H "\r\n",
    "Extra lineGET / HTTP/1.1\r\n" H "\r\n",
    "GET index.html HTTP/1.1\r\n" H "\r\n",
    "GET * HTTP/1.1\r\n" H "\r\n",
    "OPTIONS ** HTTP/1.1\r\n" H "\r\n",
    "GET a.b:443 HTTP/1.1\r\n" H "\r\n",
    "CONNECT / HTTP/1.1\r\n" H "\r\n",
    "CONNECT a.b HTTP/1.1\r\n" H "\r\n",
    "CONNECT a.b: HTTP/1.1\r\n" H "\r\n",
    "CONNECT a.b:443/x HTTP/1.1\r\n" H "\r\n",
    "CONNECT http://a:1/ HTTP/1.1\r\n" H "\r\n",
    "GET ftp://a/ HTTP/1.1\r\n" H "\r\n",
    "GET http:// HTTP/1.1\r\n" H "\r\n",
    "GET http:///x HTTP/1.1\r\n" H "\r\n",
    "GET http://user@a/ HTTP/1.1\r\n" H "\r\n",
    "GET http://a:b/ HTTP/1.1\r\n" H "\r\n",
    "GET http://a:123456/ HTTP/1.1\r\n" H "\r\n",
    "GET /#fragment HTTP/1.1\r\n" H "\r\n",
    "GET /% HTTP/1.1\r\n" H "\r\n",
    "GET /%2 HTTP/1.1\r\n" H "\r\n",
    "GET /%2G HTTP/1.1\r\n" H "\r\n",
    "GET /a?%zz HTTP/1.1\r\n" H "\r\n",
    "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n",
    "GET /a\tb HTTP/1.1\r\n" H "\r\n",
    "GET /a\\b HTTP/1.1\r\n" H "\r\n",
    "GET /a\"b HTTP/1.1\r\n" H "\r\n",
    "GET /a<b> HTTP/1.1\r\n" H "\r\n",
    "GET /a|b HTTP/1.1\r\n" H "\r\n",
    "GET /a\x7f HTTP/1.1\r\n" H "\r\n",
    "GET /[a] HTTP/1.1\r\n" H "\r\n",
    "\x16\x03\x01\x02",
    "PRI / HTTP/1.1\r\n\r\n",
};

Test(http_parser, bad_request_lines)
{
  CHECK_BAD(bad_lines, "bad 400");
}

static const char *const bad_fields[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\n" H H "\r\n",
    "GET / HTTP/1.0\r\n" H H "\r\n",
    "GET / HTTP/1.1\r\n" H "host: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: []\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: %4\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "GET / HTTP/1.1\r\n" H " folded\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "\tfolded\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: y\r\n Transfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" H ": nameless\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "no colon\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X-Invalid[]: test\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X\xc3: y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: y\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: y\nZ: w\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X:\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: 1\rY: 2\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "\rX: y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: \x07\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X\x01: y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "\n",
    "GET / HTTP/1.1\r\n" H "\r\r\n",
};

Test(http_parser, bad_header_fields)
{
  CHECK_BAD(bad_fields, "bad 400");
}

#define POST "POST / HTTP/1.1\r\n" H

static const char *const bad_framing[] = {
    POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    POST "Content-Length: 5, 5\r\n\r\nhello",
    POST "Content-Length: 5,\r\n\r\nhello",
    POST "Content-Length:\r\n\r\n",
    POST "Content-Length: +5\r\n\r\nhello",
    POST "Content-Length: -5\r\n\r\nhello",
    POST "Content-Length: -123456789123456789123456789\r\n\r\n",
    POST "Content-Length: 5 5\r\n\r\nhello",
    POST "Content-Length: 0x5\r\n\r\nhello",
    POST "Content-Length: 5.0\r\n\r\nhello",
    POST "Content-Length: 1e1\r\n\r\nhello",
    POST "Content-Length: \"5\"\r\n\r\nhello",
    POST "Content-Length: 5_0\r\n\r\nhello",
    POST "Content-Length: 5;\r\n\r\nhello",
    POST "Content-Length: abc\r\n\r\n",
    POST "Content-Length: \x0b"
         "5\r\n\r\nhello",
    POST "Content-Length: 18446744073709551616\r\n\r\n",
    POST "Content-Length: 99999999999999999999\r\n\r\n",
    POST "Content-Length : 5\r\n\r\nhello",
    POST "Content-Length\r: 5\r\n\r\nhello",
    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
    POST "Content-Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello",
    POST "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n\r\nhello",
    POST "Transfer-Encoding:\r\n\r\n",
    POST "Transfer-Encoding: identity\r\n\r\n",
    POST "Transfer-Encoding: gzip\r\n\r\n",
    POST "Transfer-Encoding: chunked, gzip\r\n\r\n",
    POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked;x\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunk ed\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
};

Test(http_parser, every_smuggling_shape_is_refused)
{
  CHECK_BAD(bad_framing, "bad 400");
}

Test(http_parser, other_refusals)
{
  check("GET / HTTP/2.0\r\n" H "\r\n", "bad 505");
  check("GET / HTTP/9.9\r\n" H "\r\n", "bad 505");
  check("GET / HTTP/1.2\r\n" H "\r\n", "bad 505");
  check("GET / HTTP/0.9\r\n\r\n", "bad 505");
  check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad 505");
  check("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567 / HTTP/1.1\r\n" H "\r\n", "bad 501");
  check(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "bad 501");
  check(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "bad 501");
  check(POST "Expect: 200-ok\r\n\r\n", "bad 417");
  check(POST "Expect: 100-continue\r\nExpect: more\r\n\r\n", "bad 417");
  check(POST "Expect: more\r\nContent-Length: x\r\n\r\n", "bad 400");
  check(POST "Content-Length: 1048577\r\n\r\n", "bad 413");
  check(POST "Content-Length: 18446744073709551615\r\n\r\n", "bad 413");
}

Test(http_parser, nul_bytes_are_refused)
{
  static const char line[] = "GET /\0 HTTP/1.1\r\n" H "\r\n";
  static const char value[] = "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n";
  static const char name[] = "GET / HTTP/1.1\r\n" H "X\0: b\r\n\r\n";
  check_text((http_text){line, sizeof(line) - 1}, "bad 400", &http_trace_limits);
  check_text((http_text){value, sizeof(value) - 1}, "bad 400", &http_trace_limits);
  check_text((http_text){name, sizeof(name) - 1}, "bad 400", &http_trace_limits);
}

Test(http_parser, every_byte_of_a_value_is_looked_at)
{
  for (unsigned i = 0; i < 256 * 16; i++) {
    char head[] = "GET / HTTP/1.1\r\n" H "X: 0123456789abcdef\r\n\r\n";
    head[sizeof(head) - 6 - i / 256] = (char)i;
    if (http_char_is((char)i, HTTP_VALUE)) continue;
    check_text((http_text){head, sizeof(head) - 1}, "bad 400", &http_trace_limits);
  }
}

/* Each limit: exactly at it is accepted, one beyond it is not. */
static const http_limits small = {8, 80, 3, 4};

static void check_small(const char *input, const char *trace)
{
  check_text((http_text){input, strlen(input)}, trace, &small);
}

Test(http_parser, limits_are_exact)
{
  check_small("GET /1234567 HTTP/1.1\r\n" H "\r\n",
              "GET /1234567 1.1 keep [Host=a] {}\nmore");
  check_small("GET /12345678 HTTP/1.1\r\n" H "\r\n", "bad 414");
  check_small("GET /123456789012345678901234567890123456789012345678901234567890",
              "bad 414");
  check_small("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890123456789012345678901234567890",
              "bad 501");
  check_small("GET / HTTP/1.1\r\n" H "A: b\r\nC: d\r\n\r\n",
              "GET / 1.1 keep [Host=a] [A=b] [C=d] {}\nmore");
  check_small("GET / HTTP/1.1\r\n" H "A: b\r\nC: d\r\nE: f\r\n\r\n", "bad 431");
  /* 16 + 9 + 2 bytes and a line of 53 are 80. */
  check_small("GET / HTTP/1.1\r\n" H
              "A: 012345678901234567890123456789012345678901234567\r\n\r\n",
              "GET / 1.1 keep [Host=a] "
              "[A=012345678901234567890123456789012345678901234567] {}\nmore");
  check_small("GET / HTTP/1.1\r\n" H
              "A: 0123456789012345678901234567890123456789012345678\r\n\r\n",
              "bad 431");
  check_small("GET / HTTP/1.1\r\n" H
              "A: 01234567890123456789012345678901234567890123456789012345678901234567",
              "bad 431");
  check_small(POST "Content-Length: 4\r\n\r\nabcd",
              "POST / 1.1 keep [Host=a] [Content-Length=4] {abcd}\nmore");
  check_small(POST "Content-Length: 5\r\n\r\nabcde", "bad 413");
  check_small(CHUNKED "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", CHUNKED_TRACE "{abcd}\nmore");
  check_small(CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", CHUNKED_TRACE "{abc\nbad 413");
  check_small(CHUNKED "0\r\nA:\r\nB:\r\nC:\r\n\r\n", CHUNKED_TRACE "{}\nmore");
  check_small(CHUNKED "0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n", CHUNKED_TRACE "{\nbad 431");
}

static http_event feed_text(http_parser *p, const char *text)
{
  http_text data;
  size_t used;
  return http_parse_body(p, (http_text){text, strlen(text)}, &data, &used);
}

static void start_chunked(http_parser *p)
{
  http_parser_start(p, &http_trace_limits);
  cr_assert_eq(http_parse_head(p, CHUNKED, strlen(CHUNKED)), HTTP_HEAD_DONE);
}

Test(http_parser, extensions_and_trailers_are_bounded_in_all)
{
  http_parser p;
  start_chunked(&p);
  size_t chunks = 0;
  http_event event = HTTP_MORE;
  while (event != HTTP_BAD && chunks < 100000) {
    event = feed_text(&p, "1;ab=cd\r\n");
    if (event == HTTP_MORE) event = feed_text(&p, "x");
    if (event == HTTP_DATA) event = feed_text(&p, "\r\n");
    chunks++;
  }
  cr_assert_eq(p.status, 400);
  cr_assert_leq(chunks, HTTP_EXTENSION_BYTES_MAX / 6 + 1);

  start_chunked(&p);
  event = feed_text(&p, "0\r\nX:");
  size_t bytes = 0;
  while (event == HTTP_MORE && bytes++ < 100000) event = feed_text(&p, "y");
  cr_assert_eq(p.status, 431);
  cr_assert_lt(bytes, HTTP_TRAILER_BYTES_MAX + 1);
  cr_assert_eq(feed_text(&p, "y"), HTTP_BAD, "a refusal is for good");
  cr_assert_eq(http_parse_head(&p, CHUNKED, strlen(CHUNKED)), HTTP_BAD);
}

static http_text path_of(http_parser *p, const char *head)
{
  http_parser_start(p, &http_trace_limits);
  cr_assert_eq(http_parse_head(p, head, strlen(head)), HTTP_HEAD_DONE);
  return http_span_text(head, p->path);
}

Test(http_parser, path_of_each_target_form)
{
  http_parser p;
  cr_assert(http_text_is(path_of(&p, "GET /a?b HTTP/1.0\r\n\r\n"), "/a?b"));
  cr_assert(http_text_is(path_of(&p, "GET http://h:1/a?b HTTP/1.0\r\n\r\n"), "/a?b"));
  cr_assert(http_text_is(path_of(&p, "GET http://h HTTP/1.0\r\n\r\n"), ""));
  cr_assert(http_text_is(path_of(&p, "GET http://h?q HTTP/1.0\r\n\r\n"), "?q"));
  cr_assert(http_text_is(path_of(&p, "OPTIONS * HTTP/1.0\r\n\r\n"), ""));
  cr_assert(http_text_is(path_of(&p, "CONNECT h:1 HTTP/1.0\r\n\r\n"), ""));
}

Test(http_parser, header_look_up)
{
  static const char head[] = "\r\nGET / HTTP/1.1\r\n" H
                             "Range: bytes=0-\r\nrange:  x: y \r\nE:\r\n\r\nbody: 1\r\n";
  http_parser p;
  http_text value = {NULL, 0};
  path_of(&p, head);
  cr_assert_eq(http_header_find(&p, head, "range", &value), 2);
  cr_assert(http_text_is(value, "bytes=0-"));
  cr_assert_eq(http_header_find(&p, head, "e", &value), 1);
  cr_assert(http_text_is(value, ""));
  cr_assert_eq(http_header_find(&p, head, "body", &value), 0);
  cr_assert_eq(http_header_find(&p, head, "rang", &value), 0);
}

Test(http_parser, expectation_and_length_are_reported)
{
  http_parser p;
  path_of(&p, POST "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n");
  cr_assert(p.expects_continue && p.has_length && !p.chunked);
  cr_assert_eq(p.content_length, 7);
}
