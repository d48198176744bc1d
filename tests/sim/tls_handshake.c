/* tls_handshake.c - handshakes between drawn contexts, each with a predicted outcome.
 *
 * A deal is two contexts that agree, in drawn versions, ciphers, groups, certificates,
 * names, protocols, plus at most one thing that spoils it. How both sides end is a table:
 * the side that refuses says why and sends its alert, the other one hears of it, and a
 * side that was refused or has refused never opens (but a TLS 1.3 client does before the
 * server has looked at its certificate). That holds under any trouble of the network; the
 * exact reasons without it. */
#include "net_tip.h"
#include "scenarios.h"
#include "tls_deal.h"

#include "ssl/info.h"

#include <string.h>

enum { CLIENTS_MAX = 3, BYTES_MAX = 3000, SPREAD_MS = 20 };

static deal now;
static tip_plan client, server;

typedef struct outcome {
  const char *mark;
  foal_err client, server;
  bool client_opens, server_opens;
} outcome;

static const outcome outcomes[DEAL_SPOILERS] = {
    [DEAL_GOOD] = {"agreed", FOAL_CLEAN, FOAL_CLEAN, true, true},
    [DEAL_VERSION] = {"no_version", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_CIPHER] = {"no_cipher", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_GROUP] = {"no_group", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_UNTRUSTED] = {"untrusted", FOAL_AUTH_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_NAME] = {"wrong_name", FOAL_AUTH_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_OLD] = {"expired", FOAL_AUTH_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_EARLY] = {"not_yet", FOAL_AUTH_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_TOO_DEEP] = {"too_deep", FOAL_AUTH_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_TOO_LARGE] = {"too_large", FOAL_TLS_FAILED, FOAL_TLS_ALERT, false, false},
    [DEAL_NO_CLIENT] = {"client_missing", FOAL_TLS_ALERT, FOAL_AUTH_FAILED, false, false},
    [DEAL_BAD_CLIENT] = {"client_bad", FOAL_TLS_ALERT, FOAL_AUTH_FAILED, false, false},
    [DEAL_ALPN] = {"alpn_disjoint", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_ALPN_SERVER] = {"alpn_demanded", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_ALPN_CLIENT] = {"alpn_unanswered", FOAL_TLS_FAILED, FOAL_TLS_ALERT, false,
                          false},
    [DEAL_SNI] = {"unknown_name", FOAL_TLS_ALERT, FOAL_TLS_FAILED, false, false},
    [DEAL_HELLO] = {"hello_too_large", FOAL_TRUNCATED, FOAL_LIMIT, false, false},
};

static outcome predicted(void)
{
  outcome o = outcomes[now.spoiler];
  bool client_refused = now.spoiler == DEAL_NO_CLIENT || now.spoiler == DEAL_BAD_CLIENT;
  if (client_refused && now.version == FOAL_TLS_1_3) o.client_opens = true;
  return o;
}

FOAL_TRUSTED static void on_opened(tip_log *log, foal_conn *conn)
{
  foal_ssl *s = foal_conn_ssl(conn);
  const char *alpn = foal_ssl_alpn_selected(s), *name = foal_ssl_server_name(s);
  FOAL_SIM_CHECK(log->server ? predicted().server_opens : predicted().client_opens);
  FOAL_SIM_CHECK(foal_ssl_version(s) == (int)now.version);
  FOAL_SIM_CHECK(deal_has_cipher(&now, foal_ssl_cipher(s)));
  if (now.spoiler == DEAL_GOOD) {
    FOAL_SIM_CHECK((alpn == NULL) == (now.alpn == NULL));
    FOAL_SIM_CHECK(alpn == NULL || strcmp(alpn, now.alpn) == 0);
  }
  FOAL_SIM_CHECK(name != NULL && strcmp(name, now.name) == 0);
  if (log->server)
    FOAL_SIM_CHECK(foal_ssl_peer_verified(s) == now.client_verified);
  else
    FOAL_SIM_CHECK(foal_ssl_peer_verified(s) == now.server_verified);
}

static bool start(void)
{
  foal_listener listener;
  tip_begin();
  client = (tip_plan){.then = TIP_FINISH, .opened = on_opened};
  server = (tip_plan){.then = TIP_FINISH, .opened = on_opened};
  tip_draw(&client, BYTES_MAX);
  tip_draw(&server, BYTES_MAX);
  client.habits = (client.habits & ~(uint32_t)TIP_EXPECTS) | TIP_LEAVES;
  server.habits = (server.habits & ~(uint32_t)TIP_EXPECTS) | TIP_LEAVES;
  deal_draw(&now);
  client.ctx = now.client;
  server.ctx = now.server;
  client.verify_name = now.name;
  if (now.retries) foal_sim_mark("hello_retry");
  foal_sim_mark(outcomes[now.spoiler].mark);
  foal_sim_note("deal: %s, TLS 1.%d", outcomes[now.spoiler].mark,
                now.version == FOAL_TLS_1_3 ? 3 : 2);
  return tip_listen(&server, &listener) &&
         tip_dial_many(&client, listener.port, foal_sim_size(CLIENTS_MAX), SPREAD_MS);
}

static void check(void)
{
  outcome o = predicted();
  deal_drop(&now);
  tip_check(o.client == FOAL_CLEAN);
  for (uint32_t i = 0; i < tip_count(); i++) {
    const tip_log *log = tip_at(i);
    bool opens = log->server ? o.server_opens : o.client_opens;
    foal_err why = log->server ? o.server : o.client;
    bool opened = log->events[TIP_ON_OPENED] == 1;
    FOAL_SIM_CHECK(opens || !opened);
    if (kit_trouble() != 0) continue;
    if (log->why != why || opened != opens)
      foal_sim_fail("%s %u (%s): %s where %s was predicted (%s)",
                    log->server ? "server" : "client", log->id, o.mark,
                    foal_err_name(log->why), foal_err_name(why), log->reason);
  }
}

static const char *const marks[] = {"agreed",
                                    "hello_retry",
                                    "no_version",
                                    "no_cipher",
                                    "no_group",
                                    "untrusted",
                                    "wrong_name",
                                    "expired",
                                    "not_yet",
                                    "too_deep",
                                    "too_large",
                                    "client_missing",
                                    "client_bad",
                                    "alpn_disjoint",
                                    "alpn_demanded",
                                    "unknown_name",
                                    "alpn_unanswered",
                                    "hello_too_large",
                                    NULL};

const foal_scenario tls_handshake = {
    .name = "tls_handshake",
    .about = "drawn contexts on both sides: each handshake ends as predicted",
    .prepare = kit_prepare,
    .start = start,
    .check = check,
    .marks = marks,
    .flags = FOAL_SIM_CORRUPTS,
};
