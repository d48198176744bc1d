/* upgrade_refuse_test.c - an upgrade that cannot begin says so, and the connection is as
 * it was: the same call works as soon as there is memory again. */
#include "upgrade_refusals.h"

#include "conformance/upgrade_kit.h"

TestSuite(upgrade_refuse, .timeout = 20);

static const char *refused_one;

HOOK tries_twice(talk *self, uint32_t what)
{
  (void)what;
  refuse_next(refused_one, 1, 0);
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
  must(foal_conn_ssl(self->conn) == NULL);
  must(talk_send(self, 10, 1) == FOAL_OK); /* plain as before */
  talk_note(self->plan, "upgrade:%s", foal_err_name(up_grade(self)));
}

static bool tries(unsigned n)
{
  if (up_begin(n)) return true;
  if (n == 1) talk_called = tries_twice;
  if (n == 1) talk_tell(up_one, TALK_CALL, 0);
  return n <= 1;
}

/* The peer is silent: the deadline of the handshake ends it, or nothing would. */
static void refuses(bool server, const char *name)
{
  refused_one = name;
  up_options.handshake_ms = 500;
  up_play(server, tries);
  cr_assert(talk_is(&up_plan, "opened upgrade:FOAL_NO_MEMORY upgrade:FOAL_OK "
                              "receipt:1:OK closed:TIMEOUT_HANDSHAKE"));
}

Test(upgrade_refuse, no_context)
{
  refuses(true, "foal_ssl_ctx_freeze");
}

Test(upgrade_refuse, no_session_for_a_server)
{
  refuses(true, "foal_ssl_server");
}

Test(upgrade_refuse, no_session_for_a_client)
{
  refuses(false, "foal_ssl_client");
}

Test(upgrade_refuse, no_message_for_the_deadline)
{
  refuses(true, "foal__message");
}
