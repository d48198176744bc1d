/* addr_test.c - Pony's tests of addresses and names. */
#include "net/impl/addr.h"
#include "net/impl/cause_uv.h"
#include "net/impl/resolver.h"
#include "unit/net_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

TestSuite(conf_addr, .timeout = 30);

enum { PORT = 0x1234 };

/* ---- broadcast ---- */

/* Nothing here sends datagrams, so these addresses have no function of their own; what is
 * asserted is their form towards the system. */
Test(conf_addr, DNSBroadcastIP4)
{
  foal__addr addr;
  struct sockaddr_storage sa;
  struct sockaddr_in in;
  cr_assert(foal__addr_parse(&addr, "255.255.255.255", PORT));
  cr_assert_eq(foal__addr_to(&addr, &sa), sizeof in);
  memcpy(&in, &sa, sizeof in);
  cr_assert_eq(in.sin_family, AF_INET);
  cr_assert_eq(in.sin_addr.s_addr, htonl(INADDR_BROADCAST));
  cr_assert_arr_eq(&in.sin_port, "\x12\x34", 2);
}

Test(conf_addr, DNSBroadcastIP6)
{
  static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
  foal__addr addr;
  struct sockaddr_storage sa;
  struct sockaddr_in6 in6;
  cr_assert(foal__addr_parse(&addr, "ff02::1", PORT));
  cr_assert_eq(foal__addr_to(&addr, &sa), sizeof in6);
  memcpy(&in6, &sa, sizeof in6);
  cr_assert_eq(in6.sin6_family, AF_INET6);
  cr_assert_arr_eq(in6.sin6_addr.s6_addr, all_nodes, 16);
  cr_assert_arr_eq(&in6.sin6_port, "\x12\x34", 2);
  cr_assert_eq(in6.sin6_scope_id, 0);
}

/* ---- names ---- */

/* A label has at most 63 letters, so no server is asked. */
static const char no_name[] =
    "a-label-that-is-longer-than-the-63-letters-a-name-may-have-in-one-label.test";

typedef struct asker {
  char unused;
} asker;
FOAL_TAG(asker)
FOAL_ACTOR(asker)
FOAL_BEHAVIOUR0(asker, ask)
FOAL_BEHAVIOUR_ISO(asker, answer)

static uint32_t resolved, answers;

static void asker_on_ask(asker *self)
{
  foal_hold(); /* a look-up keeps nobody alive: who asks does, as a connection would */
  must(foal__resolve(no_name, PORT, asker_self(self).any, &asker__be_answer));
}

static void asker_on_answer(asker *self, foal_buf **data)
{
  foal__addr addrs[FOAL__LOOKUP_ADDRS_MAX];
  (void)self;
  resolved = foal__resolved(*data, addrs);
  answers++;
  foal_buf_drop(data);
  foal_release();
}

/* An empty list is the answer; to who connects it is a reason, told once. */
Test(conf_addr, DNSUnresolvableEmpty)
{
  static point_plan plan;
  asker_tag one;
  point_tag tag;
  kit_start(1);
  resolved = 1;
  cr_assert(asker_spawn(&one));
  asker_ask(one);
  foal_connect_options o = {.host = no_name, .port = PORT, .conn = {.context = &plan}};
  cr_assert(kit_try_connect(&o, &tag));
  kit_run();
  cr_assert_eq(answers, 1);
  cr_assert_eq(resolved, 0);
  cr_assert_eq(plan.opened_count, 0);
  cr_assert_eq(plan.closed_count, 1);
  cr_assert_eq(plan.why, FOAL_DNS_FAILED);
}

/* ---- text ---- */

static bool same_addr(const foal__addr *a, const foal__addr *b)
{
  return a->family == b->family && a->port == b->port && a->scope == b->scope &&
         memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}

/* From the system's form to text and back: nothing is lost. */
static void round_trip(const struct sockaddr *sa, const char *wanted)
{
  foal__addr addr = foal__addr_from(sa), again;
  char text[FOAL__ADDR_TEXT_MAX], host[FOAL__ADDR_TEXT_MAX];
  uint16_t port;
  foal__addr_text(&addr, text);
  cr_assert_str_eq(text, wanted);
  memcpy(host, text, sizeof host);
  char *colon = strrchr(host, ':');
  *colon = '\0';
  cr_assert(foal_port_from(colon + 1, &port));
  cr_assert(foal__addr_parse(&again, host, port));
  cr_assert(same_addr(&addr, &again), "%s", text);
}

Test(conf_addr, NetAddressNameRoundTripIP4)
{
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  in.sin_addr.s_addr = htonl(0x7f000001);
  round_trip((const struct sockaddr *)&in, "127.0.0.1:4660");
}

Test(conf_addr, NetAddressNameRoundTripIP6)
{
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
  in6.sin6_addr = in6addr_loopback;
  round_trip((const struct sockaddr *)&in6, "[::1]:4660");
  cr_assert_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
  in6.sin6_scope_id = 7;
  round_trip((const struct sockaddr *)&in6, "[fe80::1%7]:4660");
}

Test(conf_addr, NetAddressIP6Scope)
{
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 0x01020304};
  struct sockaddr_storage back;
  cr_assert_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
  foal__addr addr = foal__addr_from((const struct sockaddr *)&in6);
  cr_assert_eq(addr.scope, 0x01020304, "the number of an interface is in host order");
  (void)foal__addr_to(&addr, &back);
  memcpy(&in6, &back, sizeof in6);
  cr_assert_eq(in6.sin6_scope_id, 0x01020304);
}

/* Any bytes are an address: each has a text, and only the unknown has none. */
Test(conf_addr, pony_os_ip_string)
{
  static const uint8_t fills[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  char text[FOAL__ADDR_TEXT_MAX];
  for (size_t i = 0; i < sizeof fills; i++) {
    for (uint16_t family = 4; family <= 6; family += 2) {
      foal__addr addr = {.family = family, .port = PORT};
      memset(addr.ip, fills[i], sizeof addr.ip);
      foal__addr_text(&addr, text);
      cr_assert_gt(strlen(text), strlen(":4660"), "%u of %u", fills[i], family);
      cr_assert_str_eq(text + strlen(text) - strlen(":4660"), ":4660");
    }
  }
  foal__addr unknown = {.family = 0};
  foal__addr_text(&unknown, text);
  cr_assert_str_eq(text, "");
}

/* ---- what the system answers ---- */

/* Only 0 is success; what nobody knows is an error with its number. */
Test(conf_addr, SocketResultDecoder)
{
  cr_assert_eq(foal__cause_of(0).err, FOAL_OK);
  cr_assert_eq(foal__cause_of(-ECONNREFUSED).err, FOAL_REFUSED);
  cr_assert_eq(foal__cause_of(-ECONNRESET).err, FOAL_RESET);
  for (int code = 1; code <= 5000; code++) {
    foal__cause cause = foal__cause_of(-code);
    cr_assert_neq(cause.err, FOAL_OK, "%d", code);
    cr_assert_eq(cause.os, -code);
    cr_assert(foal__cause_text(cause.os)[0] != '\0', "%d has no text", code);
  }
  cr_assert_eq(foal__cause_of(-4711).err, FOAL_IO);
  cr_assert_eq(foal__cause_of(INT32_MIN).err, FOAL_IO);
}
