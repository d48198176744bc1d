/* pitfalls_ticket_test.c - tickets of TLS 1.3 and a client that has left: a mistake of
 * other stacks, on the fake backend, where it is known what was written and when. Which,
 * and how: docs/pitfalls.md. */
#include "upgrade_kit.h"

static int64_t writes;

static int64_t writes_now(void)
{
  foal_counters c;
  foal_counters_read(&c);
  return c.writes;
}

/* The client has what the server says, and leaves behind its Finished: so what is written
 * now is the tickets, and that fails. */
static bool leaves(unsigned n)
{
  if (n == 0) fake_arrive();
  if (n == 1) fake_peer_call(&up_other, 0);
  if (n == 1) up_other.held = true;
  if (n == 1 || n == 2) {
    up_other.held = false;
    must(fake_peer_move(&up_other));
    up_other.held = true;
  }
  if (n == 2) {
    must(up_other.ready && up_plan.opened_count == 0);
    fake(0)->taking = FAKE_FAILS;
    writes = writes_now();
  }
  return n <= 2;
}

Test(pitfall, a_ticket_that_cannot_be_written_is_a_reset)
{
  fake_step = leaves;
  kit_start(1);
  up_plan.last = 1;
  talk_serve(&up_plan, kit_server_ctx, NULL);
  kit_run();
  fake_peers_end();
  cr_assert_eq(writes_now() - writes, 1, "the tickets");
  cr_assert(talk_is(&up_plan, "opened closed:RESET"));
}
