/* verify_test.c - what is a host name, and which certificate it matches. */
#include "foal_test.h"
#include "ssl/impl/verify.h"
#include "tls/certs.h"

#include <openssl/err.h>
#include <string.h>

static foal__host_kind kind_of(const char *text)
{
  foal__host host;
  foal__host_parse(&host, text);
  return host.kind;
}

static bool matches(const test_cert *cert, const char *text)
{
  foal__host host;
  foal__host_parse(&host, text);
  bool found = foal__verify_matches(cert->cert, &host);
  cr_assert_eq(ERR_peek_error(), 0);
  return found;
}

static test_cert *cert_for(const char *common, const char *alt)
{
  return cert_make(&(cert_spec){.name = common, .alt = alt});
}

Test(verify, tells_names_from_addresses)
{
  cr_assert_eq(kind_of("example.com"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("localhost"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("EXAMPLE.com."), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("xn--bcher-kva.example"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("_dmarc.example.com"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("0x1.example"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("a.0xg"), FOAL__HOST_NAME);
  cr_assert_eq(kind_of("192.0.2.1"), FOAL__HOST_ADDRESS);
  cr_assert_eq(kind_of("::1"), FOAL__HOST_ADDRESS);
  cr_assert_eq(kind_of("fe80::1%eth0"), FOAL__HOST_ADDRESS);
  cr_assert_eq(kind_of(""), FOAL__HOST_NONE);
  cr_assert_eq(kind_of(NULL), FOAL__HOST_NONE);
}

Test(verify, refuses_what_is_neither)
{
  char label[70], host[300];
  memset(label, 'a', 64);
  label[64] = '\0';
  memset(host, 0, sizeof host);
  for (int i = 0; i < 64; i++) memcpy(host + 4 * i, "abc.", 4);
  static const char *const bad[] = {
      ".",          "..",        ".example.com", "a..b",
      "a b",        "a\nb",      "[::1]",        "127.1",
      "1.2.3",      "256.1.1.1", "0x7f000001.1", "*.a.b",
      "a/b",        "a:443",     "a{b",          "b\xc3\xbc",
      "1.2.3.4.",   "::g",       "1.2.3.4%eth0", "%eth0",
      "0x7f000001", "1.0X1",     "0x."};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_eq(kind_of(bad[i]), FOAL__HOST_BAD, "%s", bad[i]);
  cr_expect_eq(kind_of(label), FOAL__HOST_BAD, "a label of 64");
  cr_expect_eq(kind_of(label + 1), FOAL__HOST_NAME, "a label of 63");
  cr_expect_eq(kind_of(host), FOAL__HOST_BAD, "256 bytes");
  host[254] = '\0';
  cr_expect_eq(kind_of(host), FOAL__HOST_BAD, "254 bytes");
  host[253] = '\0';
  cr_expect_eq(kind_of(host), FOAL__HOST_NAME, "253 bytes");
  cr_expect_eq(kind_of("xn--bcher-kva.example."), FOAL__HOST_NAME);
}

Test(verify, writes_names_one_way)
{
  foal__host host;
  foal__host_parse(&host, "WWW.Example.COM.");
  cr_assert_str_eq(host.text, "www.example.com");
  foal__host_parse(&host, "fe80::1%eth0");
  cr_assert_str_eq(host.text, "fe80::1");
  cr_assert_eq(host.address_len, 16);
}

Test(verify, patterns_are_names_or_one_leading_star)
{
  foal__host host;
  cr_assert(foal__pattern_parse(&host, "*.Example.com"));
  cr_assert_str_eq(host.text, "*.example.com");
  cr_assert(foal__pattern_parse(&host, "a.test"));
  static const char *const bad[] = {"*",       "*.",          "*.com",  "*..com",
                                    "a.*.com", "**.a.b",      "f*.a.b", "192.0.2.1",
                                    "",        "*.192.0.2.1", "*.*.a.b"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_not(foal__pattern_parse(&host, bad[i]), "%s", bad[i]);
  cr_expect_not(foal__pattern_parse(&host, NULL));
  char text[260] = "*.";
  for (int i = 0; i < 63; i++) memcpy(text + 2 + 4 * i, "abc.", 4);
  text[254] = 'a';
  cr_expect_not(foal__pattern_parse(&host, text), "253 bytes and the star");
  text[253] = '\0';
  cr_expect(foal__pattern_parse(&host, text), "253 bytes in all");
}

/* X509._match_name/exact_case_insensitive, /no_match */
Test(verify, compares_whole_names)
{
  test_cert *cert = cert_for(NULL, "DNS:example.com,DNS:foo.co");
  cr_expect(matches(cert, "example.com"));
  cr_expect(matches(cert, "EXAMPLE.Com"));
  cr_expect(matches(cert, "example.com."), "a dot at the end");
  cr_expect_not(matches(cert, "foo.com"), "a longer name with the same beginning");
  cr_expect_not(matches(cert, "example.com.evil.org"), "the name as a prefix");
  cr_expect_not(matches(cert, "www.example.com"));
  cr_expect_not(matches(cert, "xample.com"));
  cr_expect_not(matches(cert, "evilexample.com"));
  cr_expect_not(matches(cert, ".example.com"));
  cr_expect_not(matches(cert, ""));
  cert_free(cert);
}

/* X509._match_name/wildcard */
Test(verify, a_wildcard_is_one_whole_label)
{
  test_cert *cert = cert_for(NULL, "DNS:*.example.com,DNS:*.example.co");
  cr_expect(matches(cert, "foo.example.com"));
  cr_expect(matches(cert, "FOO.EXAMPLE.com"));
  cr_expect(matches(cert, "xn--bcher-kva.example.com"));
  cr_expect_not(matches(cert, "example.com"));
  cr_expect_not(matches(cert, "a.b.example.com"), "two labels");
  cr_expect_not(matches(cert, "foo.example.org"));
  cr_expect_not(matches(cert, "a.example.com.evil.org"));
  cert_free(cert);
}

/* X509._match_name/wildcard_insufficient_levels */
Test(verify, wildcards_need_two_labels_behind_them)
{
  test_cert *cert =
      cert_for(NULL, "DNS:*.com,DNS:*,DNS:*.,DNS:*..com,DNS:f*.a.test,DNS:*x.b.test,"
                     "DNS:c.*.test");
  cr_expect_not(matches(cert, "example.com"));
  cr_expect_not(matches(cert, "com"));
  cr_expect_not(matches(cert, "foo.a.test"), "a partial wildcard");
  cr_expect_not(matches(cert, "yx.b.test"), "a partial wildcard");
  cr_expect_not(matches(cert, "c.d.test"), "a wildcard inside");
  cert_free(cert);
}

/* X509._match_name/ip_literal */
Test(verify, addresses_match_addresses_only)
{
  test_cert *cert = cert_for("192.0.2.9", "IP:192.0.2.1,IP:2001:db8::1,DNS:192.0.2.7");
  cr_expect(matches(cert, "192.0.2.1"));
  cr_expect(matches(cert, "2001:db8::1"));
  cr_expect(matches(cert, "2001:0DB8:0:0::1"), "the same address in another form");
  cr_expect_not(matches(cert, "192.0.2.7"), "a DNS entry with the text of an address");
  cr_expect_not(matches(cert, "192.0.2.9"), "a common name with the text of an address");
  cr_expect_not(matches(cert, "192.0.2.11"));
  cr_expect_not(matches(cert, "2001:db8::11"));
  cert_free(cert);
  cert = cert_for(NULL, "DNS:*.0.2.1,DNS:*.1");
  cr_expect_not(matches(cert, "192.0.2.1"), "a wildcard never matches an address");
  cert_free(cert);
}

/* X509._match_name/empty_name, and the common name, which never counts */
Test(verify, the_common_name_does_not_count)
{
  test_cert *with = cert_for("b.test", "DNS:a.test"), *without = cert_for("b.test", NULL);
  cr_expect(matches(with, "a.test"));
  cr_expect_not(matches(with, "b.test"));
  cr_expect_not(matches(without, "b.test"));
  cr_expect_not(matches(without, ""));
  cert_free(with);
  cert_free(without);
}

Test(verify, a_name_with_nul_matches_nothing)
{
  static const char raw[] = "a.test\0.evil.org";
  test_cert *cert =
      cert_make(&(cert_spec){.raw_dns = raw, .raw_dns_len = sizeof raw - 1});
  cr_expect_not(matches(cert, "a.test"));
  cr_expect_not(matches(cert, "a.test.evil.org"));
  cert_free(cert);
  cert = cert_make(&(cert_spec){.raw_dns = "", .raw_dns_len = 0});
  cr_expect_not(matches(cert, "a.test"), "an empty entry matches nothing");
  cr_expect_not(
      foal__verify_matches(NULL, &(foal__host){.kind = FOAL__HOST_NAME, .text = "a"}));
  cert_free(cert);
}
