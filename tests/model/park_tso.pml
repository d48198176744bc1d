/* park_tso.pml - stores that must not be late: announce, then look; for spin.
 *
 * In two places of runtime/ each of two sides stores one word and then loads the other's, and
 * one of them has to see the other: parking (sched.c: `parked`, then the stacks; mailbox.c: the
 * push, then `parked`) and muting (turn.c: the registration, then the own waiters). A machine may
 * let a store that is weaker than seq_cst wait in a buffer while the load goes ahead.
 * ThreadSanitizer does not; park.pml and mute.pml do not either. Here each side has a buffer of
 * one store. It leaves at any later moment, but before the next step where the code says seq_cst
 * and before an exchange. A push is a compare-and-swap, which some machines let a later load
 * overtake, too, unless it is seq_cst.
 *
 * Proved: every message is handled, so no wake-up is lost; of two actors that register with each
 * other one wakes both.
 *
 * check:  -DPARK -DSENDS=3
 * check:  -DRING
 * mutant: -DPARK -DSENDS=1 -DBUG1  `parked` is announced with release
 * mutant: -DPARK -DSENDS=1 -DBUG2  the push, or the look at `parked`, is weaker than seq_cst
 * mutant: -DPARK -DSENDS=1 -DBUG3  both
 * mutant: -DRING -DBUG4            a registration is acq_rel
 * mutant: -DPARK -DSENDS=1 -DBUG5  the worker looks first and announces afterwards */
bit late[2];          /* a side's store that memory does not know yet */
bit over = 0;         /* what had to happen has happened */

#ifdef PARK
byte inbox = 0;
bit parked = 0;
bit rung = 0;         /* the async handle of the worker's loop: stays until it is looked at */

proctype Sleeper() {
  byte got = 0;
  do
  :: got == SENDS -> break
  :: else ->
#ifdef BUG5
     if
     :: inbox > 0 -> goto take
     :: else -> skip
     fi;
#endif
#if defined(BUG1) || defined(BUG3)
     late[0] = 1;
#else
     parked = 1;
#endif
#ifndef BUG5
     if
     :: inbox > 0 -> goto awake
     :: else -> skip
     fi;
#endif
     rung == 1;       /* blocks in the poll */
     rung = 0;
awake:
     skip;
     d_step { late[0] = 0; parked = 0 };   /* an exchange */
take:
     skip;
     d_step { got = got + inbox; inbox = 0 }
  od;
  over = 1
}

proctype Sender() {
  byte left = SENDS;
  do
  :: left > 0 ->
     left--;
#if defined(BUG2) || defined(BUG3)
     d_step { late[1] == 0 -> late[1] = 1 };
#else
     inbox++;
#endif
     if
     :: parked == 1 ->
        /* the exchange that claims the sleep */
        d_step {
          if :: late[1] -> late[1] = 0; inbox++ :: else -> skip fi;
          if :: parked == 1 -> parked = 0; rung = 1 :: else -> skip fi
        }
     :: else -> skip
     fi
  :: else -> break
  od
}
#endif

#ifdef RING
bit waits_for[2];     /* waits_for[i]: the other one is registered with i */

proctype Muted(byte me) {
#ifdef BUG4
  late[me] = 1;
#else
  waits_for[1 - me] = 1;
#endif
  if
  :: waits_for[me] -> over = 1             /* wakes all that wait where it waits */
  :: else -> skip
  fi
}
#endif

/* What lies in the buffers reaches the memory some time. */
active proctype Buffers() {
end:
  do
#ifdef PARK
  :: d_step { late[0] -> late[0] = 0; parked = 1 }
  :: d_step { late[1] -> late[1] = 0; inbox++ }
#endif
#ifdef RING
  :: d_step { late[0] -> late[0] = 0; waits_for[1] = 1 }
  :: d_step { late[1] -> late[1] = 0; waits_for[0] = 1 }
#endif
  od
}

active proctype Monitor() {
  timeout ->
  assert(over)
}

init {
  atomic {
#ifdef PARK
    run Sleeper();
    run Sender()
#endif
#ifdef RING
    run Muted(0);
    run Muted(1)
#endif
  }
}
