/* names_test.c - which host names and addresses a certificate is for: Pony's rows of
 * X509._match_name, and the traps behind them.
 *
 * Every pair of certificate and host is tried twice: by foal_ssl_peer_matches, and by a
 * handshake of a client with this host, under TLS 1.2 and 1.3 in turn. The rules are
 * those of RFC 6125 6.4 and RFC 9525 6: whole names, a wildcard as the whole leftmost
 * label, an address only against an iPAddress entry, the common name never.            */
#include "foal_test.h"
#include "tls/pair.h"

#include <openssl/err.h>
#include <string.h>

#define X63 "a123456789b123456789c123456789d123456789e123456789f123456789g12"
#define X60 "a123456789b123456789c123456789d123456789e123456789f123456789"
#define X61 X60 "g"

typedef enum want {
  END,
  YES,    /* the certificate is for this host */
  NO,     /* it is not: the client refuses the server and says so */
  BAD,    /* neither a name nor an address: no handshake begins */
  NOBODY, /* no host: a handshake checks none, and a question is denied */
} want;

typedef struct host_case {
  const char *host;
  want want;
} host_case;

typedef struct cert_case {
  const char *common, *alt, *raw;
  size_t raw_len; /* bytes */
  host_case hosts[20];
} cert_case;

typedef struct scene {
  test_cert *root;
  foal_ssl_ctx *clients[2]; /* TLS 1.2, TLS 1.3 */
  foal_ssl_ctx *server_ctx;
  foal_ssl *client, *server;
  size_t tried;
} scene;

static void shake(scene *s, const char *host) FOAL_TURN;
static void end(scene *s) FOAL_TURN;
static void check_host(scene *s, const foal_ssl *asked, const host_case *c) FOAL_TURN;
static void check_cert(scene *s, const cert_case *c) FOAL_TURN;
static void check(const cert_case *certs, size_t count) FOAL_TURN;

#define CHECK(certs) check(certs, sizeof(certs) / sizeof *(certs))

static void shake(scene *s, const char *host)
{
  s->server = foal_ssl_server(s->server_ctx);
  s->client = foal_ssl_client(s->clients[s->tried++ % 2], host);
  pump(s->client, s->server, FOAL_SSL_CHUNK);
}

static void end(scene *s)
{
  foal_ssl_free(&s->client);
  foal_ssl_free(&s->server);
}

static void check_host(scene *s, const foal_ssl *asked, const host_case *c)
{
  cr_expect_eq(foal_ssl_peer_matches(asked, c->host), c->want == YES, "\"%s\"", c->host);
  cr_expect_eq(ERR_peek_error(), 0);
  shake(s, c->host);
  foal_ssl_status got = foal_ssl_state(s->client);
  foal_err err = foal_ssl_error(s->client);
  bool ready = c->want == YES || c->want == NOBODY;
  if (ready) {
    cr_expect_eq(got, FOAL_SSL_READY, "\"%s\": %s", c->host, foal_ssl_reason(s->client));
    cr_expect_eq(foal_ssl_state(s->server), FOAL_SSL_READY, "\"%s\"", c->host);
  } else if (c->want == NO) {
    cr_expect_eq(got, FOAL_SSL_AUTH_FAIL, "\"%s\": %s", c->host,
                 foal_ssl_reason(s->client));
    cr_expect_eq(err, FOAL_AUTH_FAILED, "\"%s\"", c->host);
    cr_expect_eq(foal_ssl_error(s->server), FOAL_TLS_ALERT, "the server hears of it");
  } else {
    cr_expect_eq(got, FOAL_SSL_ERROR, "\"%s\": %s", c->host, foal_ssl_reason(s->client));
    cr_expect_eq(err, FOAL_BAD_NAME, "\"%s\"", c->host);
    cr_expect_eq(foal_ssl_bytes(s->client).cipher_out, 0, "nothing was said");
  }
  cr_expect_eq(ERR_peek_error(), 0);
  end(s);
}

static void check_cert(scene *s, const cert_case *c)
{
  test_cert *cert = cert_make(&(cert_spec){.name = c->common,
                                           .alt = c->alt,
                                           .raw_dns = c->raw,
                                           .raw_dns_len = c->raw_len,
                                           .issuer = s->root});
  s->server_ctx = ctx_with(cert, NULL);
  shake(s, NULL);
  cr_assert_eq(foal_ssl_state(s->client), FOAL_SSL_READY, "%s",
               foal_ssl_reason(s->client));
  foal_ssl *asked = s->client;
  s->client = NULL;
  foal_ssl_free(&s->server);
  for (size_t i = 0; c->hosts[i].want != END; i++) check_host(s, asked, &c->hosts[i]);
  foal_ssl_free(&asked);
  foal_ssl_ctx_drop(&s->server_ctx);
  cert_free(cert);
}

static void check(const cert_case *certs, size_t count)
{
  scene s = {.root = cert_make(&(cert_spec){.name = "root", .authority = true})};
  static const foal_tls versions[] = {FOAL_TLS_1_2, FOAL_TLS_1_3};
  for (int i = 0; i < 2; i++) {
    s.clients[i] = ctx_with(NULL, s.root);
    cr_assert_eq(foal_ssl_ctx_versions(s.clients[i], versions[i], versions[i]), FOAL_OK);
  }
  for (size_t i = 0; i < count; i++) check_cert(&s, &certs[i]);
  for (int i = 0; i < 2; i++) foal_ssl_ctx_drop(&s.clients[i]);
  cert_free(s.root);
  cr_expect_eq(foal_ssl_live_count(), 0);
}

Test(conf_names, X509_match_name_empty_name)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.raw = "",
       .hosts = {{"a.test", NO}, {"localhost", NO}, {"192.0.2.1", NO}, {"", NOBODY}}},
      {.common = NULL, .hosts = {{"a.test", NO}, {"::1", NO}, {NULL, NOBODY}}},
  };
  CHECK(certs);
}

Test(conf_names, X509_match_name_exact_case_insensitive)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:example.com,DNS:WWW.Example.COM,DNS:localhost",
       .hosts = {{"example.com", YES},
                 {"EXAMPLE.com", YES},
                 {"www.example.com", YES},
                 {"WwW.eXaMpLe.CoM", YES},
                 {"LOCALHOST", YES},
                 {"exampl\x85.com", BAD},
                 {"example\x0e"
                  "com",
                  BAD}}},
  };
  CHECK(certs);
}

Test(conf_names, X509_match_name_no_match)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:www.example.com",
       .hosts = {{"example.com", NO},
                 {"example.org", NO},
                 {"www.example.org", NO},
                 {"mail.example.com", NO},
                 {"www", NO},
                 {"com", NO},
                 {"wwwxexample.com", NO},
                 {"www-example.com", NO},
                 {"xwww.example.com", NO},
                 {"www.www.example.com", NO}}},
  };
  CHECK(certs);
}

/* Ours: an address matches an iPAddress entry, and nothing else that reads the same. */
Test(conf_names, X509_match_name_ip_literal)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.common = "192.0.2.1",
       .alt = "DNS:192.0.2.2,DNS:*.0.2.3,DNS:*.2.3,IP:192.0.2.4",
       .hosts = {{"192.0.2.1", NO},
                 {"192.0.2.2", NO},
                 {"192.0.2.3", NO},
                 {"192.0.2.4", YES},
                 {"192.0.2.40", NO},
                 {"92.0.2.4", NO}}},
      {.common = "192.0.2.1", .hosts = {{"192.0.2.1", NO}}},
      {.alt = "URI:https://192.0.2.1/,email:a@192.0.2.1", .hosts = {{"192.0.2.1", NO}}},
  };
  CHECK(certs);
}

Test(conf_names, X509_match_name_wildcard)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:*.example.com",
       .hosts = {{"foo.example.com", YES},
                 {"FOO.EXAMPLE.COM", YES},
                 {"f.example.com", YES},
                 {"1.example.com", YES},
                 {"a-b.example.com", YES},
                 {"example.com", NO},
                 {"foo.example.org", NO},
                 {"foo.xexample.com", NO},
                 {"fooexample.com", NO},
                 {".example.com", BAD},
                 {"*.example.com", BAD}}},
      {.alt = "DNS:*.EXAMPLE.co.uk,DNS:*.co.uk",
       .hosts = {{"foo.example.co.uk", YES}, {"example.co.uk", YES}, {"co.uk", NO}}},
  };
  CHECK(certs);
}

Test(conf_names, X509_match_name_wildcard_insufficient_levels)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:*", .hosts = {{"com", NO}, {"a.com", NO}, {"localhost", NO}}},
      {.alt = "DNS:*.", .hosts = {{"com", NO}, {"a.com", NO}, {"com.", NO}}},
      {.alt = "DNS:*..com",
       .hosts = {{"a.com", NO}, {"a.b.com", NO}, {"com", NO}, {"a..com", BAD}}},
      {.alt = "DNS:*.com,DNS:*.localhost,DNS:*.com.",
       .hosts = {{"example.com", NO}, {"com", NO}, {"a.localhost", NO}}},
      {.alt = "DNS:.,DNS:..,DNS:*.*,DNS:.com", .hosts = {{"a.com", NO}, {"com", NO}}},
  };
  CHECK(certs);
}

/* 1.6: Pony compares at most the bytes of the name, so that any prefix will do. */
Test(conf_names, a_prefix_is_not_the_name)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.common = "e",
       .alt = "DNS:foo.co,DNS:example.com,DNS:*.example.co,DNS:*.example.com",
       .hosts = {{"foo.com", NO},
                 {"foo.co.uk", NO},
                 {"example.com.evil.org", NO},
                 {"example.comx", NO},
                 {"foo.example.com.evil.org", NO},
                 {"foo.example.co.uk", NO},
                 {"e", NO},
                 {"foo.c", NO},
                 {"oo.co", NO},
                 {"foo.co", YES}}},
      {.common = "e", .hosts = {{"example.com", NO}, {"e", NO}}},
  };
  CHECK(certs);
}

/* 1.6: "*.com" and its like, as far as the number of labels tells. */
Test(conf_names, a_wildcard_is_the_whole_leftmost_label)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:f*.a.test,DNS:*o.b.test,DNS:f*o.c.test,DNS:d.*.test,DNS:*.*.e.test,"
              "DNS:**.f.test,DNS:g.h.*,DNS:*.*",
       .hosts = {{"foo.a.test", NO},
                 {"foo.b.test", NO},
                 {"foo.c.test", NO},
                 {"d.x.test", NO},
                 {"x.y.e.test", NO},
                 {"xx.f.test", NO},
                 {"g.h.test", NO},
                 {"f*.a.test", BAD}}},
      {.alt = "DNS:*.a.test,DNS:*.b.a.test",
       .hosts = {{"x.a.test", YES},
                 {"b.a.test", YES},
                 {"x.b.a.test", YES},
                 {"x.c.a.test", NO},
                 {"x.y.b.a.test", NO},
                 {"a.test", NO}}},
      {.alt = "DNS:*.a.test.", .hosts = {{"x.a.test", NO}, {"x.a.test.", NO}}},
  };
  CHECK(certs);
}

Test(conf_names, one_dot_at_the_end_does_not_count)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:example.com,DNS:*.example.com,DNS:example.org.",
       .hosts = {{"example.com.", YES},
                 {"www.example.com.", YES},
                 {"example.com..", BAD},
                 {".example.com", BAD},
                 {"example..com", BAD},
                 {".", BAD},
                 {"..", BAD},
                 {"example.org", NO},
                 {"example.org.", NO}}},
  };
  CHECK(certs);
}

/* A certificate's bytes end where its length says, not at a NUL, and blanks are bytes. */
Test(conf_names, a_nul_or_a_blank_is_a_part_of_the_name)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.raw = "a.test\0.evil.org",
       .raw_len = 16,
       .hosts = {{"a.test", NO}, {"a.test.evil.org", NO}, {"evil.org", NO}}},
      {.raw = "a.test\0", .raw_len = 7, .hosts = {{"a.test", NO}}},
      {.raw = "\0a.test", .raw_len = 7, .hosts = {{"a.test", NO}}},
      {.raw = "*.a.test\0", .raw_len = 9, .hosts = {{"x.a.test", NO}}},
      {.raw = "*.a\0.test", .raw_len = 9, .hosts = {{"x.a", NO}, {"x.a.test", NO}}},
      {.raw = "a.test ", .raw_len = 7, .hosts = {{"a.test", NO}, {"a.test ", BAD}}},
      {.raw = " a.test", .raw_len = 7, .hosts = {{"a.test", NO}, {" a.test", BAD}}},
      {.raw = "a.test\n", .raw_len = 7, .hosts = {{"a.test", NO}, {"a.test\n", BAD}}},
  };
  CHECK(certs);
}

/* Pony compares with the common name always; RFC 9525 never. */
Test(conf_names, the_common_name_never_counts)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.common = "b.test",
       .alt = "DNS:a.test",
       .hosts = {{"a.test", YES}, {"b.test", NO}}},
      {.common = "b.test", .hosts = {{"b.test", NO}, {"B.TEST", NO}}},
      {.common = "*.b.test", .hosts = {{"x.b.test", NO}}},
      {.common = "b.test", .alt = "IP:192.0.2.1", .hosts = {{"b.test", NO}}},
      {.common = "b.test", .alt = "email:root@b.test", .hosts = {{"b.test", NO}}},
  };
  CHECK(certs);
}

Test(conf_names, other_kinds_of_names_are_not_for_hosts)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "email:a.test,email:x@b.test,URI:c.test,URI:https://d.test/,RID:1.2.3.4,"
              "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_https.e.test",
       .hosts = {{"a.test", NO},
                 {"b.test", NO},
                 {"c.test", NO},
                 {"d.test", NO},
                 {"e.test", NO},
                 {"1.2.3.4", NO}}},
      {.alt = "DNS:https://f.test,DNS:g.test:443,DNS:x@h.test",
       .hosts = {{"f.test", NO},
                 {"g.test", NO},
                 {"h.test", NO},
                 {"https://f.test", BAD},
                 {"g.test:443", BAD},
                 {"x@h.test", BAD}}},
  };
  CHECK(certs);
}

/* IPv6 is compared in binary; what only resolvers take for an address is neither. */
Test(conf_names, addresses_in_all_their_forms)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "IP:::1,IP:2001:db8::1,IP:::ffff:192.0.2.9,IP:192.0.2.1",
       .hosts = {{"::1", YES},
                 {"0:0:0:0:0:0:0:1", YES},
                 {"::0001", YES},
                 {"::1%lo", YES},
                 {"2001:DB8:0::0:1", YES},
                 {"2001:db8::1:0", NO},
                 {"2001:db8::", NO},
                 {"::ffff:192.0.2.9", YES},
                 {"::FFFF:C000:0209", YES},
                 {"192.0.2.9", NO},
                 {"::ffff:192.0.2.1", NO},
                 {"::192.0.2.1", NO},
                 {"192.0.2.1", YES},
                 {"[::1]", BAD},
                 {"::1.", BAD},
                 {"1::2::3", BAD},
                 {":::1", BAD}}},
      {.alt = "IP:127.0.0.1,DNS:127.1,DNS:0x7f000001,DNS:2130706433,DNS:*.0.0.1",
       .hosts = {{"127.0.0.1", YES},
                 {"127.1", BAD},
                 {"127.0.1", BAD},
                 {"0x7f000001", BAD},
                 {"0X7F.0.0.0x1", BAD},
                 {"2130706433", BAD},
                 {"017700000001", BAD},
                 {"0177.0.0.1", BAD},
                 {"127.0.0.01", BAD},
                 {"127.0.0.1.", BAD},
                 {"127.0.0.1.1", BAD},
                 {"256.0.0.1", BAD},
                 {"127.0.0.1%lo", BAD},
                 {"::127.0.0.1", NO},
                 {"::ffff:127.0.0.1", NO}}},
  };
  CHECK(certs);
}

/* International names are compared in their A-label form, as ASCII. */
Test(conf_names, international_names)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:xn--bcher-kva.example,DNS:*.b.test,DNS:xn--*.c.test,DNS:xn--b*.d.test,"
              "DNS:*.xn--bcher-kva.test,DNS:*.xn--p1ai",
       .hosts = {{"xn--bcher-kva.example", YES},
                 {"XN--BCHER-KVA.example", YES},
                 {"b\xc3\xbc"
                  "cher.example",
                  BAD},
                 {"bcher-kva.example", NO},
                 {"xn--bcher-kva.b.test", YES},
                 {"xn--a.c.test", NO},
                 {"xn--bcher-kva.d.test", NO},
                 {"www.xn--bcher-kva.test", YES},
                 {"a.xn--p1ai", NO}}},
      {.raw = "b\xc3\xbc"
              "cher.example",
       .raw_len = 14,
       .hosts = {{"xn--bcher-kva.example", NO}}},
  };
  CHECK(certs);
}

/* A wildcard stands for letters, digits and hyphens: what host names consist of. */
Test(conf_names, unusual_labels)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:_x.a.test,DNS:*.b.test,DNS:*.c_d.test,DNS:123.e.test,DNS:3f,"
              "DNS:1.2.3.4.g,DNS:0x1.test",
       .hosts = {{"_x.a.test", YES},
                 {"_y.a.test", NO},
                 {"p_q.b.test", NO},
                 {"x.c_d.test", NO},
                 {"-x.b.test", YES},
                 {"x--y.b.test", YES},
                 {"123.e.test", YES},
                 {"3f", YES},
                 {"1.2.3.4.g", YES},
                 {"0x1.test", YES},
                 {"123", BAD},
                 {"e.123", BAD},
                 {"a b.test", BAD},
                 {"a/b.test", BAD},
                 {"a%00.test", BAD},
                 {"a.test\\", BAD}}},
  };
  CHECK(certs);
}

Test(conf_names, very_long_names)
{
  turn_of_test();
  static const cert_case certs[] = {
      {.alt = "DNS:" X63 ".test,DNS:" X63 "x.test,DNS:" X63 "." X63 "." X63 "." X61
              ",DNS:" X63 "." X63 "." X63 "." X61 "xx,DNS:*." X63 "." X63 "." X63 "." X61,
       .hosts = {{X63 ".test", YES},
                 {X63 "x.test", BAD},
                 {X63 "." X63 "." X63 "." X61, YES},
                 {X63 "." X63 "." X63 "." X61 ".", YES},
                 {X63 "." X63 "." X63 "." X60 "h", NO},
                 {X63 "." X63 "." X63 "." X61 "x", BAD},
                 {X63 "." X63 "." X63 "." X61 "xx", BAD},
                 {"a." X63 "." X63 "." X63 "." X61, BAD}}},
  };
  CHECK(certs);
}
