/* net_addr_test.c - addresses as text and in the order they are tried. */
#include "foal_test.h"
#include "net/impl/addr.h"
#include "net/protocol.h"

#include <netinet/in.h>
#include <sys/socket.h>

static const struct {
  const char *host;
  uint16_t port;
  const char *text; /* NULL: not an address */
} cases[] = {
    {"192.0.2.1", 443, "192.0.2.1:443"},
    {"0.0.0.0", 0, "0.0.0.0:0"},
    {"255.255.255.255", 65535, "255.255.255.255:65535"},
    {"::1", 80, "[::1]:80"},
    {"[::1]", 80, "[::1]:80"},
    {"2001:db8::1", 443, "[2001:db8::1]:443"},
    {"fe80::1%3", 22, "[fe80::1%3]:22"},
    {"[fe80::1%4294967295]", 65535, "[fe80::1%4294967295]:65535"},
    {"::ffff:192.0.2.1", 443, "192.0.2.1:443"},
    {"[::ffff:c000:201]", 443, "192.0.2.1:443"},
    {"::ffff:192.0.2.1%1", 443, NULL},
    {"", 1, NULL},
    {"[]", 1, NULL},
    {"localhost", 1, NULL},
    {"1.2.3", 1, NULL},
    {"1.2.3.4.5", 1, NULL},
    {"256.1.1.1", 1, NULL},
    {"1.2.3.4%1", 1, NULL},
    {"fe80::1%", 1, NULL},
    {"fe80::1%eth0", 1, NULL},
    {"fe80::1%99999999999", 1, NULL},
    {"[::1", 1, NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", 1, NULL},
};

Test(net_addr, text)
{
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    foal__addr addr;
    char text[FOAL__ADDR_TEXT_MAX];
    bool ok = foal__addr_parse(&addr, cases[i].host, cases[i].port);
    cr_assert_eq(ok, cases[i].text != NULL, "%s", cases[i].host);
    if (!ok) continue;
    foal__addr_text(&addr, text);
    cr_assert_str_eq(text, cases[i].text);
  }
}

Test(net_addr, to_the_system_and_back)
{
  static const char *const hosts[] = {"192.0.2.1", "2001:db8::1", "fe80::1%7"};
  for (size_t i = 0; i < 3; i++) {
    foal__addr addr, back;
    struct sockaddr_storage sa;
    char text[FOAL__ADDR_TEXT_MAX], text_back[FOAL__ADDR_TEXT_MAX];
    cr_assert(foal__addr_parse(&addr, hosts[i], 4711));
    uint32_t len = foal__addr_to(&addr, &sa);
    cr_assert_eq(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    back = foal__addr_from((const struct sockaddr *)&sa);
    foal__addr_text(&addr, text);
    foal__addr_text(&back, text_back);
    cr_assert_str_eq(text, text_back);
  }
}

Test(net_addr, mapped_is_v4)
{
  foal__addr addr, back;
  struct sockaddr_storage sa;
  char text[FOAL__ADDR_TEXT_MAX];
  cr_assert(foal__addr_parse(&addr, "::ffff:192.0.2.9", 5));
  (void)foal__addr_to(&addr, &sa);
  back = foal__addr_from((const struct sockaddr *)&sa);
  foal__addr_text(&back, text);
  cr_assert_str_eq(text, "192.0.2.9:5");
}

Test(net_addr, unknown_families_are_empty)
{
  struct sockaddr sa = {.sa_family = AF_UNIX};
  char text[FOAL__ADDR_TEXT_MAX];
  foal__addr addr = foal__addr_from(&sa);
  foal__addr_text(&addr, text);
  cr_assert_str_eq(text, "");
}

static void interleaved(const char *in, const char *out)
{
  foal__addr addrs[8];
  uint32_t count = (uint32_t)strlen(in);
  memset(addrs, 0, sizeof addrs);
  for (uint32_t i = 0; i < count; i++) {
    addrs[i].family = (uint16_t)(in[i] - '0');
    addrs[i].port = (uint16_t)i;
  }
  foal__addr_interleave(addrs, count);
  uint32_t seen = 0;
  int last[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
  for (uint32_t i = 0; i < count; i++) {
    cr_assert_eq(addrs[i].family, (uint16_t)(out[i] - '0'), "%s", in);
    cr_assert_gt((int)addrs[i].port,
                 last[addrs[i].family]); /* order within a family stays */
    last[addrs[i].family] = addrs[i].port;
    seen |= 1u << addrs[i].port;
  }
  cr_assert_eq(seen, (1u << count) - 1);
}

Test(net_addr, families_take_turns)
{
  interleaved("", "");
  interleaved("6", "6");
  interleaved("66", "66");
  interleaved("6644", "6464");
  interleaved("4466", "4646");
  interleaved("66664", "64666");
  interleaved("644", "644");
  interleaved("46444", "46444");
}

Test(net_addr, ports)
{
  static const char *const refused[] = {
      "",   "-1",  "+1", " 1", "1 ", "65536", "4294967297", "18446744073709551617",
      "1x", "0x1", NULL};
  uint16_t port = 7;
  for (size_t i = 0; refused[i] != NULL; i++) {
    cr_assert(!foal_port_from(refused[i], &port), "'%s' is a port", refused[i]);
  }
  cr_assert(!foal_port_from(NULL, &port));
  cr_assert_eq(port, 7);
  cr_assert(foal_port_from("0", &port));
  cr_assert_eq(port, 0);
  cr_assert(foal_port_from("65535", &port));
  cr_assert_eq(port, 65535);
}
