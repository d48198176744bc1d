/* http_service_test.c - dates, conditions, ranges, files and heads of the HTTP
 * examples. */
#include "../foal_test.h"

#include "../../examples/http_cond.h"
#include "../../examples/http_date.h"
#include "../../examples/http_files.h"
#include "../../examples/http_reply.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static http_text text_of(const char *text)
{
  return (http_text){text, strlen(text)};
}

/* ---- dates ---- */

Test(http_date, writes_the_preferred_form)
{
  char out[HTTP_DATE_BYTES + 1];
  http_date_write(out, 784111777);
  cr_assert_str_eq(out, "Sun, 06 Nov 1994 08:49:37 GMT");
  http_date_write(out, 0);
  cr_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
  http_date_write(out, 253402300799);
  cr_assert_str_eq(out, "Fri, 31 Dec 9999 23:59:59 GMT");
}

Test(http_date, reads_all_three_forms)
{
  static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994"};
  for (size_t i = 0; i < 3; i++) {
    int64_t seconds = 0;
    cr_assert(http_date_read(text_of(forms[i]), &seconds), "%s", forms[i]);
    cr_assert_eq(seconds, 784111777, "%s", forms[i]);
  }
}

Test(http_date, what_it_writes_it_reads)
{
  for (int64_t s = 0; s < 4102444800; s += 86399 * 7 + 1) {
    char out[HTTP_DATE_BYTES + 1];
    int64_t back = -1;
    http_date_write(out, s);
    cr_assert(http_date_read(text_of(out), &back));
    cr_assert_eq(back, s);
  }
}

Test(http_date, refuses_everything_else)
{
  static const char *const bad[] = {
      "",
      "now",
      "784111777",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 GMTx",
      "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nox 1994 08:49:37 GMT",
      "Sun, 31 Feb 1994 08:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun,  06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov -994 08:49:37 GMT",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    int64_t seconds;
    cr_assert_not(http_date_read(text_of(bad[i]), &seconds), "%s", bad[i]);
  }
}

Test(http_cond, lists)
{
  http_text list = {" a , ,b\t,", 9}, item;
  static const char *const items[] = {"a", "", "b", ""};
  for (size_t i = 0; i < 4; i++) {
    cr_assert(http_list_next(&list, &item));
    cr_assert(http_text_is(item, items[i]), "item %zu", i);
  }
  cr_assert_not(http_list_next(&list, &item));
}

/* ---- conditions and ranges ---- */

static const http_entity entity = {1000, 784111777, "\"abc\""};

#define DATE    "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER   "Sun, 06 Nov 1994 08:49:38 GMT"

static const http_limits limits = {8192, 32768, 100, 1 << 20};

static void parse(http_parser *p, char *head, const char *method, const char *fields)
{
  snprintf(head, 1024, "%s / HTTP/1.0\r\n%s\r\n", method, fields);
  http_parser_start(p, &limits);
  cr_assert_eq(http_parse_head(p, head, strlen(head)), HTTP_HEAD_DONE, "%s", head);
}

static unsigned condition(const char *method, const char *fields)
{
  http_parser p;
  char head[1024];
  parse(&p, head, method, fields);
  return http_cond_check(&p, head, &entity);
}

Test(http_cond, preconditions)
{
  static const struct {
    const char *fields;
    unsigned get, post;
  } rows[] = {
      {"", 200, 200},
      {"If-Match: *\r\n", 200, 200},
      {"If-Match: \"abc\"\r\n", 200, 200},
      {"If-Match: \"x\", \"abc\"\r\n", 200, 200},
      {"If-Match: \"x\"\r\nIf-Match: \"abc\"\r\n", 200, 200},
      {"If-Match: \"x\"\r\n", 412, 412},
      {"If-Match: W/\"abc\"\r\n", 412, 412},
      {"If-Match: abc\r\n", 412, 412},
      {"If-Unmodified-Since: " DATE "\r\n", 200, 200},
      {"If-Unmodified-Since: " EARLIER "\r\n", 412, 412},
      {"If-Unmodified-Since: rubbish\r\n", 200, 200},
      {"If-Match: \"abc\"\r\nIf-Unmodified-Since: " EARLIER "\r\n", 200, 200},
      {"If-None-Match: *\r\n", 304, 412},
      {"If-None-Match: \"abc\"\r\n", 304, 412},
      {"If-None-Match: W/\"abc\"\r\n", 304, 412},
      {"If-None-Match: \"x\",W/\"a,b\" , \"abc\"\r\n", 304, 412},
      {"If-None-Match: \"x\"\r\nIf-None-Match: \"abc\"\r\n", 304, 412},
      {"If-None-Match: \"ab\"\r\n", 200, 200},
      {"If-None-Match: \"abc\r\n", 200, 200},
      {"If-Modified-Since: " DATE "\r\n", 304, 200},
      {"If-Modified-Since: " LATER "\r\n", 304, 200},
      {"If-Modified-Since: " EARLIER "\r\n", 200, 200},
      {"If-Modified-Since: rubbish\r\n", 200, 200},
      {"If-Modified-Since: " DATE "\r\nIf-Modified-Since: " DATE "\r\n", 200, 200},
      {"If-None-Match: \"x\"\r\nIf-Modified-Since: " LATER "\r\n", 200, 200},
      {"If-Match: \"abc\"\r\nIf-None-Match: \"abc\"\r\n", 304, 412},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    cr_assert_eq(condition("GET", rows[i].fields), rows[i].get, "%s", rows[i].fields);
    cr_assert_eq(condition("HEAD", rows[i].fields), rows[i].get, "%s", rows[i].fields);
    cr_assert_eq(condition("POST", rows[i].fields), rows[i].post, "%s", rows[i].fields);
  }
}

Test(http_cond, ranges)
{
  static const struct {
    const char *fields;
    unsigned status;
    uint64_t first, count;
  } rows[] = {
      {"", 200, 0, 1000},
      {"Range: bytes=0-\r\n", 206, 0, 1000},
      {"Range: bytes=0-0\r\n", 206, 0, 1},
      {"Range: bytes=999-\r\n", 206, 999, 1},
      {"Range: bytes=999-5000\r\n", 206, 999, 1},
      {"Range: bytes=1-99999999999999999999999\r\n", 206, 1, 999},
      {"Range: bytes=-1\r\n", 206, 999, 1},
      {"Range: bytes=-5000\r\n", 206, 0, 1000},
      {"Range: Bytes=10-19\r\n", 206, 10, 10},
      {"Range: bytes=1000-\r\n", 416, 0, 0},
      {"Range: bytes=99999999999999999999999-\r\n", 416, 0, 0},
      {"Range: bytes=-0\r\n", 416, 0, 0},
      {"Range: bytes=5-4\r\n", 200, 0, 1000},
      {"Range: bytes=\r\n", 200, 0, 1000},
      {"Range: bytes=-\r\n", 200, 0, 1000},
      {"Range: bytes=a-b\r\n", 200, 0, 1000},
      {"Range: bytes=0-1x\r\n", 200, 0, 1000},
      {"Range: bytes=0-1,3-4\r\n", 200, 0, 1000},
      {"Range: bytes=0-1\r\nRange: bytes=0-2\r\n", 200, 0, 1000},
      {"Range: lines=0-1\r\n", 200, 0, 1000},
      {"Range: bytes=0-1\r\nIf-Range: \"abc\"\r\n", 206, 0, 2},
      {"Range: bytes=0-1\r\nIf-Range: W/\"abc\"\r\n", 200, 0, 1000},
      {"Range: bytes=0-1\r\nIf-Range: \"x\"\r\n", 200, 0, 1000},
      {"Range: bytes=0-1\r\nIf-Range: " DATE "\r\n", 206, 0, 2},
      {"Range: bytes=0-1\r\nIf-Range: " LATER "\r\n", 200, 0, 1000},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    http_parser p;
    char head[1024];
    http_range range;
    parse(&p, head, "GET", rows[i].fields);
    unsigned status = http_cond_range(&p, head, &entity, &range);
    cr_assert_eq(status, rows[i].status, "%s: %u", rows[i].fields, status);
    if (status == 416) continue;
    cr_assert_eq(range.first, rows[i].first, "%s", rows[i].fields);
    cr_assert_eq(range.count, rows[i].count, "%s", rows[i].fields);
    parse(&p, head, "HEAD", rows[i].fields);
    cr_assert_eq(http_cond_range(&p, head, &entity, &range), 200);
  }
}

Test(http_cond, an_empty_file_has_no_range)
{
  static const http_entity nothing = {0, 0, "\"\""};
  http_parser p;
  char head[1024];
  http_range range;
  parse(&p, head, "GET", "Range: bytes=0-\r\n");
  cr_assert_eq(http_cond_range(&p, head, &nothing, &range), 416);
  parse(&p, head, "GET", "Range: bytes=-5\r\n");
  cr_assert_eq(http_cond_range(&p, head, &nothing, &range), 416);
}

/* ---- files ---- */

static int root = -1;
static char folder[] = "/tmp/http_service_XXXXXX";

static void make(const char *name, const char *content)
{
  char path[256];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  if (content == NULL) {
    cr_assert_eq(mkdir(path, 0755), 0);
    return;
  }
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  fputs(content, file);
  fclose(file);
}

static void make_link(const char *name, const char *target)
{
  char path[256];
  snprintf(path, sizeof(path), "%s/%s", folder, name);
  cr_assert_eq(symlink(target, path), 0);
}

static void make_folder(void)
{
  cr_assert_not_null(mkdtemp(folder));
  make("secret", "secret");
  make("www", NULL);
  make("www/index.html", "index");
  make("www/a b.txt", "12345");
  make("www/.hidden", "hidden");
  make("www/.well-known", NULL);
  make("www/.well-known/x", "known");
  make("www/sub", NULL);
  make("www/sub/index.html", "sub index");
  make("www/bare", NULL);
  make("www/locked.txt", "locked");
  make_link("www/out", "../secret");
  make_link("www/absolute", "/etc/passwd");
  make_link("www/outdir", "..");
  make_link("www/inside", "a b.txt");
  make_link("www/loop", "loop");
  char path[256];
  snprintf(path, sizeof(path), "%s/www/fifo", folder);
  cr_assert_eq(mkfifo(path, 0644), 0);
  snprintf(path, sizeof(path), "%s/www/locked.txt", folder);
  cr_assert_eq(chmod(path, 0), 0);
  snprintf(path, sizeof(path), "%s/www", folder);
  root = http_root_open(path);
  cr_assert_geq(root, 0);
}

static void remove_folder(void)
{
  char command[256];
  if (root >= 0) close(root);
  snprintf(command, sizeof(command), "chmod -R u+rw %s; rm -rf %s", folder, folder);
  cr_assert_eq(system(command), 0);
}

TestSuite(http_files, .init = make_folder, .fini = remove_folder);

static unsigned open_status(const char *path)
{
  http_file file;
  unsigned status = http_file_open(root, text_of(path), &file);
  cr_assert_eq(status == 200, file.fd >= 0);
  http_file_close(&file);
  return status;
}

Test(http_files, what_is_there_is_served)
{
  http_file file;
  cr_assert_eq(http_file_open(root, text_of("/a%20b.txt?x=/../"), &file), 200);
  cr_assert_eq(file.entity.size, 5);
  cr_assert_str_eq(file.type, "text/plain; charset=utf-8");
  cr_assert_eq(file.entity.etag[0], '"');
  http_file_close(&file);
  cr_assert_eq(file.fd, -1);
  cr_assert_eq(open_status("/"), 200);
  cr_assert_eq(open_status(""), 200);
  cr_assert_eq(open_status("?q"), 200);
  cr_assert_eq(open_status("/inside"), 200);
  cr_assert_eq(open_status("/sub/"), 200);
  cr_assert_eq(open_status("/sub"), 301);
  cr_assert_eq(open_status("/%73ub/index.html"), 200);
  cr_assert_eq(open_status("/.well-known/x"), 200);
}

Test(http_files, nothing_else_is)
{
  static const char *const paths[] = {
      "/none",
      "/none/",
      "/index.html/",
      "/index.html/x",
      "/bare/",
      "/../secret",
      "/%2e%2e/secret",
      "/%2E%2e%2fsecret",
      "/..%2fsecret",
      "/sub/../index.html",
      "/sub/%2e%2e/index.html",
      "/sub/..",
      "/./index.html",
      "/.",
      "/..",
      "/%2e",
      "//etc/passwd",
      "//index.html",
      "/sub//index.html",
      "/%2fetc/passwd",
      "/index.html%00",
      "/index.html%00.txt",
      "/%00",
      "/.hidden",
      "/%2ehidden",
      "/.well-known2",
      "/out",
      "/absolute",
      "/outdir/secret",
      "/outdir/",
      "/loop",
      "/fifo",
      "/..%5csecret",
      "/%c0%ae%c0%ae/secret",
      "/%",
      "/%zz",
  };
  for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
    cr_assert_eq(open_status(paths[i]), 404, "%s: %u", paths[i], open_status(paths[i]));
  if (geteuid() != 0) cr_assert_eq(open_status("/locked.txt"), 403);
}

Test(http_files, long_paths_are_not_found)
{
  static char path[3 * HTTP_PATH_BYTES_MAX];
  memset(path, 'a', sizeof(path) - 1);
  path[0] = '/';
  cr_assert_eq(open_status(path), 404);
  path[300] = '\0';
  cr_assert_eq(open_status(path), 404);
  for (size_t i = 1; i + 1 < sizeof(path); i++) path[i] = i % 2 ? 'a' : '/';
  cr_assert_eq(open_status(path), 404);
}

Test(http_files, without_a_root_there_is_nothing)
{
  http_file file;
  cr_assert_eq(http_file_open(-1, text_of("/"), &file), 404);
}

/* ---- heads ---- */

static const char *head_of(const http_reply *r)
{
  static char out[HTTP_REPLY_BYTES_MAX + 64];
  out[http_reply_write(out, r, 784111777)] = '\0';
  return out;
}

#define DATED "Date: " DATE "\r\n"

Test(http_reply, heads)
{
  static const http_range range = {10, 5};
  http_reply r = {.status = 200, .type = "text/plain", .length = 13};
  cr_assert_str_eq(head_of(&r), "HTTP/1.1 200 OK\r\n" DATED
                                "Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n");
  r = (http_reply){.status = 200, .chunked = true, .keep = true};
  cr_assert_str_eq(head_of(&r),
                   "HTTP/1.1 200 OK\r\n" DATED "Transfer-Encoding: chunked\r\n"
                   "Connection: keep-alive\r\n\r\n");
  r = (http_reply){.status = 405, .allow = "GET, HEAD", .close = true, .keep = true};
  cr_assert_str_eq(head_of(&r), "HTTP/1.1 405 Method Not Allowed\r\n" DATED
                                "Content-Length: 0\r\nAllow: GET, HEAD\r\n"
                                "Connection: close\r\n\r\n");
  r = (http_reply){.status = 206, .length = 5, .entity = &entity, .range = &range};
  cr_assert_str_eq(head_of(&r), "HTTP/1.1 206 Partial Content\r\n" DATED
                                "Content-Length: 5\r\nETag: \"abc\"\r\n"
                                "Last-Modified: " DATE "\r\nAccept-Ranges: bytes\r\n"
                                "Content-Range: bytes 10-14/1000\r\n\r\n");
  r = (http_reply){.status = 416, .length = 4, .entity = &entity};
  cr_assert_str_eq(head_of(&r),
                   "HTTP/1.1 416 Range Not Satisfiable\r\n" DATED "Content-Length: 4\r\n"
                   "Content-Range: bytes */1000\r\n\r\n");
  r = (http_reply){.status = 304, .entity = &entity};
  cr_assert_str_eq(head_of(&r), "HTTP/1.1 304 Not Modified\r\n" DATED
                                "ETag: \"abc\"\r\nLast-Modified: " DATE "\r\n"
                                "Accept-Ranges: bytes\r\n\r\n");
  r = (http_reply){.status = 301, .location = text_of("/sub")};
  cr_assert_str_eq(head_of(&r), "HTTP/1.1 301 Moved Permanently\r\n" DATED
                                "Content-Length: 0\r\nLocation: /sub/\r\n\r\n");
}

Test(http_reply, the_longest_head_fits)
{
  http_entity long_entity = {UINT64_MAX, 253402300799, ""};
  memset(long_entity.etag, 'x', sizeof(long_entity.etag) - 1);
  const http_range range = {UINT64_MAX - 9, 5};
  http_reply r = {
      .status = 431, .length = UINT64_MAX, .entity = &long_entity, .close = true};
  r.range = &range;
  r.type = "text/javascript; charset=utf-8";
  r.allow = "GET, HEAD, OPTIONS, POST";
  cr_assert_lt(strlen(head_of(&r)), HTTP_REPLY_BYTES_MAX / 2);
}

Test(http_reply, numbers)
{
  char out[21];
  out[http_decimal(out, 0)] = '\0';
  cr_assert_str_eq(out, "0");
  out[http_decimal(out, UINT64_MAX)] = '\0';
  cr_assert_str_eq(out, "18446744073709551615");
  cr_assert_str_eq(http_reason(404), "Not Found");
  cr_assert_str_eq(http_reason(999), "Unknown");
  cr_assert_gt(http_now_s(), 1600000000);
}

Test(http_reply, media_types)
{
  cr_assert_str_eq(http_media_type("a/b.html"), "text/html; charset=utf-8");
  cr_assert_str_eq(http_media_type("B.PNG"), "image/png");
  cr_assert_str_eq(http_media_type("a.tar.gz"), "application/gzip");
  cr_assert_str_eq(http_media_type("none"), "application/octet-stream");
  cr_assert_str_eq(http_media_type("a.d/none"), "application/octet-stream");
  cr_assert_str_eq(http_media_type("x."), "application/octet-stream");
}
