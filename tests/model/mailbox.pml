/* mailbox.pml - one slot between two workers, as in runtime/impl/mailbox.c, for spin.
 *
 * P threads outside push K messages each; each worker sends OWN messages of its own, wherever
 * the slot is at that moment. The slot may be handed over MOVES times, with mail in it, on its
 * way, or while a notification for it lies on the worker that it leaves. The inbox word is IDLE,
 * or not IDLE with a chain that may be empty; `notified` says that the notification belonging to
 * the departure from IDLE has been consumed.
 *
 * Proved: each message is handled once and in the order of its sender; the slot is on one run
 * queue at most, runs on its owner only, and lies on one stack of notified slots at most (its
 * link is used once); everything comes to rest with nothing left over.
 *
 * check:  -DP=2 -DK=2 -DOWN=0 -DMOVES=2
 * check:  -DP=1 -DK=2 -DOWN=1 -DMOVES=2
 * check:  -DP=0 -DK=1 -DOWN=2 -DMOVES=2
 * mutant: -DP=0 -DK=1 -DOWN=2 -DMOVES=1 -DBUG1  a local send does not look into the inbox first
 * mutant: -DP=1 -DK=1 -DOWN=1 -DMOVES=1 -DBUG2  a notification is not forwarded
 * mutant: -DP=1 -DK=1 -DOWN=1 -DMOVES=1 -DBUG3  a notification of a moved slot is dropped
 * mutant: -DP=1 -DK=2 -DOWN=0 -DMOVES=0 -DBUG4  IDLE is stored, not exchanged
 * mutant: -DP=1 -DK=2 -DOWN=1 -DMOVES=0 -DBUG5  IDLE although the notification is to come
 * mutant: -DP=1 -DK=2 -DOWN=0 -DMOVES=0 -DBUG6  every push notifies
 * mutant: -DP=1 -DK=1 -DOWN=0 -DMOVES=1 -DBUG7  the new owner is stored after the hand-over
 * mutant: -DP=1 -DK=2 -DOWN=0 -DMOVES=0 -DBUG8  the chain is not reversed */
#define W      2
#define N      (P + W)                /* senders */
#define SIZE   (P * K + W * OWN)      /* messages in all */
#define FROM(m) ((m) / 4)
#define SEQ(m)  ((m) % 4)

/* the slot */
bit idle = 1;
byte chain[SIZE]; byte depth = 0;     /* oldest first here; the code reverses when it takes */
byte owner = 0;
bit scheduled = 0, notified = 0;
byte fifo[SIZE]; byte head = 0, tail = 0;

/* the workers */
bit runq[W], arrived[W], on_notified[W];
byte moves = MOVES;

/* what must hold */
byte want[N];
byte handled = 0;
bit running = 0;

inline notify(o) {
  d_step { assert(!on_notified[0] && !on_notified[1]); on_notified[o] = 1 }
}

inline push(from, seq, o) {
  d_step { chain[depth] = (from) * 4 + seq; depth++; left_idle = idle; idle = 0 };
#ifdef BUG6
  notify(o)
#else
  if
  :: left_idle -> notify(o)
  :: else -> skip
  fi
#endif
}

/* By the owner: the whole chain behind the local FIFO. */
inline take() {
  d_step {
    i = 0;
    do
#ifdef BUG8
    :: i < depth -> fifo[tail] = chain[depth - 1 - i]; tail++; i++
#else
    :: i < depth -> fifo[tail] = chain[i]; tail++; i++
#endif
    :: else -> break
    od;
    depth = 0;
    i = 0
  }
}

inline schedule(w) {
  d_step { assert(!scheduled && !runq[0] && !runq[1]); scheduled = 1; runq[w] = 1 }
}

inline hand_over(to_w) {
#ifdef BUG7
  arrived[to_w] = 1;
  owner = to_w
#else
  owner = to_w;
  arrived[to_w] = 1
#endif
}

proctype Outside(byte me) {
  byte seq = 0, o;
  bit left_idle;
  do
  :: seq < K ->
     o = owner;
     push(me, seq, o);
     seq++
  :: else -> break
  od
}

/* A worker sends a message of its own. */
inline send_own() {
  o = owner;
  if
  :: o != me -> push(P + me, seq, o)
  :: else ->
#ifndef BUG1
     if
     :: depth > 0 -> take()
     :: else -> skip
     fi;
#endif
     d_step { fifo[tail] = (P + me) * 4 + seq; tail++ };
     if
     :: !scheduled -> schedule(me)
     :: else -> skip
     fi
  fi;
  seq++
}

inline rest() {
  if
  :: depth > 0 -> take(); d_step { running = 0; runq[me] = 1 }
  :: else ->
#ifdef BUG4
     if
     :: !idle && notified -> idle = 1; notified = 0
     :: else -> skip
     fi;
     d_step { running = 0; scheduled = 0 }
#else
     if
#ifdef BUG5
     :: !idle ->
#else
     :: !idle && notified ->
#endif
        atomic {
          if
          :: depth == 0 -> idle = 1; ok = 1
          :: else -> ok = 0
          fi
        };
        if
        :: ok -> notified = 0; d_step { running = 0; scheduled = 0 }
        :: else -> take(); d_step { running = 0; runq[me] = 1 }
        fi
     :: else -> d_step { running = 0; scheduled = 0 }
     fi
#endif
  fi
}

inline turn() {
  d_step { runq[me] = 0; assert(!running && scheduled && owner == me); running = 1 };
  do
  :: head < tail ->
     d_step {
       assert(SEQ(fifo[head]) == want[FROM(fifo[head])]);
       want[FROM(fifo[head])]++;
       handled++;
       head++
     };
     if
     :: skip
     :: break                          /* the batch is over */
     fi
  :: else -> break
  od;
  if
  :: moves > 0 -> d_step { moves--; running = 0 }; hand_over(1 - me)
  :: head < tail -> d_step { running = 0; runq[me] = 1 }
  :: head == tail -> rest()
  fi
}

proctype Worker(byte me) {
  byte seq = 0, o, i = 0;
  bit left_idle, ok;
end:
  do
  :: arrived[me] ->
     d_step { arrived[me] = 0; assert(scheduled && owner == me && !runq[0] && !runq[1]) };
     runq[me] = 1
  :: on_notified[me] ->
     on_notified[me] = 0;
     o = owner;
     if
#ifndef BUG2
     :: o != me ->
#ifndef BUG3
        notify(o)
#else
        skip
#endif
#endif
     :: else ->
        notified = 1;
        if
        :: !scheduled -> schedule(me)
        :: else -> skip
        fi
     fi
  :: runq[me] -> turn()
  :: seq < OWN -> send_own()
  od
}

active proctype Monitor() {
  timeout ->
  assert(handled == SIZE);
  assert(!scheduled && depth == 0 && head == tail);
  assert(idle || notified == 0)
}

init {
  byte n = 0;
  atomic {
    do
    :: n < P -> run Outside(n); n++
    :: else -> break
    od;
    run Worker(0);
    run Worker(1)
  }
}
