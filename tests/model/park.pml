/* park.pml - parking, waking and the exact end, as in runtime/sched.c, for spin.
 *
 * N workers. inbox[i]: what others pushed for worker i (notified and arrived slots alike). Each
 * message handled may send one more while `hops` last. A guest thread holds the program, sends,
 * and releases; another one only wakes everybody (foal_drain). One piece of blocking work holds
 * the program until its worker has run the callback and counts as running again; the callback
 * runs under the poll, when the worker does not count.
 *
 * Proved: nobody stops while a message, a hold or a piece of work exists; every run ends with
 * all workers stopped, so no wake-up is lost and no count is leaked. All orders are seq_cst in
 * the code, so the interleavings that spin walks are all there are; park_tso.pml shows what weaker
 * ones would do.
 *
 * check:  -DN=2 -DHOPS=2 -DSENDS=1 -DWORK=1
 * check:  -DN=2 -DHOPS=1 -DSENDS=1 -DDRAIN=1
 * check:  -DN=3 -DHOPS=1 -DSENDS=1
 * check:  -DN=2 -DHOPS=1 -DSENDS=1 -DSTOP=1
 * mutant: -DN=2 -DHOPS=2 -DSENDS=0 -DBUG1            waker claims first, counts afterwards
 * mutant: -DN=2 -DHOPS=2 -DSENDS=0 -DBUG2            who changes its mind keeps the claim
 * mutant: -DN=2 -DHOPS=2 -DSENDS=1 -DDRAIN=1 -DBUG3  a late guest does not look again
 * mutant: -DN=2 -DHOPS=1 -DSENDS=0 -DWORK=1 -DBUG4   released under the poll
 * mutant: -DN=2 -DHOPS=4 -DSENDS=0 -DBUG5            woken sleeper claims first
 * mutant: -DN=2 -DHOPS=2 -DSENDS=0 -DBUG6            no second look before sleeping
 * mutant: -DN=2 -DHOPS=1 -DSENDS=1 -DBUG7            release from outside wakes nobody
 * mutant: -DN=2 -DHOPS=2 -DSENDS=1 -DSTOP=1 -DBUG8   stop wakes first, publishes afterwards
 * mutant: -DN=2 -DHOPS=2 -DSENDS=1 -DBUG9            counts and holds in two words */
#ifndef WORK
#define WORK 0
#endif
#ifndef DRAIN
#define DRAIN 0
#endif
#ifndef STOP
#define STOP 0
#endif

byte inbox[N];
bit parked[N];
bit rung[N];          /* the async handle of its loop was sent to */
short awake = N;       /* one word with the holds: both are read and changed together */
byte holds = 1 + WORK; /* the guest, and the work of worker 0 */
bit stopping = 0;
bit forced = 0;       /* stopped by foal_stop, not by quiescence */
byte hops = HOPS;
bit guest_done = 0;
bit work_ready = 0, work_done = 1 - WORK;

inline wake(j) {
  do
  :: parked[j] == 0 -> break
  :: else ->
#ifdef BUG1
     if
     :: atomic { parked[j] == 1 -> parked[j] = 0 } ; awake++; rung[j] = 1
     :: else -> skip
     fi;
     break
#else
     awake++;
     if
     :: atomic { parked[j] == 1 -> parked[j] = 0 } ; rung[j] = 1; break
     :: else ->
        atomic { awake--; last = (awake == 0 && holds == 0) };
#ifdef BUG3
        break
#else
        if
        :: last -> last = 0
        :: else -> break
        fi
#endif
     fi
#endif
  od
}

inline stop_all() {
#ifdef BUG8
  k = 0;
  do
  :: k < N -> parked[k] = 0; rung[k] = 1; k++
  :: else -> break
  od;
  stopping = 1
#else
  stopping = 1;
  k = 0;
  do
  :: k < N -> parked[k] = 0; rung[k] = 1; k++
  :: else -> break
  od
#endif
}

inline uncount_claimed() {
  atomic { was = parked[me]; parked[me] = 0 };
  if
  :: was == 0 -> awake--
  :: else -> skip
  fi
}

/* The callback of the work: a message for its actor, wherever that is. */
inline callback() {
  if
  :: to = 0
  :: to = N - 1
  fi;
  if
  :: to == me -> mine++
  :: else -> inbox[to]++; wake(to)
  fi;
#ifdef BUG4
  holds--; work_done = 1
#else
  releases++
#endif
}

inline release_due() {
  do
  :: releases > 0 -> releases--; atomic { holds--; work_done = 1 }
  :: else -> break
  od
}

proctype Worker(byte me) {
  byte mine = 0, to, k, releases = 0;
  bit was, last = 0;
  if
  :: me == 0 -> mine = 1
  :: else -> skip
  fi;
loop:
  do
  :: atomic { inbox[me] > 0 -> mine = mine + inbox[me]; inbox[me] = 0 }
  :: mine > 0 ->
     mine--;
     if
     :: atomic { hops > 0 -> hops--; if :: to = 0 :: to = 1 :: to = N - 1 fi };
        if
        :: to == me -> mine++
        :: else -> inbox[to]++; wake(to)
        fi
     :: skip
     fi
  :: inbox[me] == 0 && mine == 0 -> break
  :: stopping -> break
  od;
  if
  :: stopping -> goto out
  :: else -> skip
  fi;
  /* park() */
  parked[me] = 1;
#ifndef BUG6
  if
  :: inbox[me] > 0 || stopping ->
#ifdef BUG2
     parked[me] = 0;
#else
     uncount_claimed();
#endif
     goto loop
  :: else -> skip
  fi;
#endif
#ifdef BUG9
  atomic { awake--; last = (awake == 0) };
  last = last && holds == 0;
#else
  atomic { awake--; last = (awake == 0 && holds == 0) };
#endif
  if
  :: last ->
     last = 0;
     assert(forced || (mine == 0 && guest_done && work_done && !work_ready));
     k = 0;
     do
     :: k < N -> assert(forced || inbox[k] == 0); k++
     :: else -> break
     od;
     stop_all();
     goto out
  :: else -> last = 0
  fi;
  /* the poll blocks here */
  if
  :: rung[me] -> rung[me] = 0
  :: me == 0 && work_ready -> work_ready = 0; callback()
  fi;
#ifdef BUG5
  atomic { was = parked[me]; parked[me] = 0 };
  if
  :: was == 1 -> awake++
  :: else -> skip
  fi;
#else
  awake++;
  uncount_claimed();
#endif
  release_due();
  goto loop;
out:
  skip
}

/* A thread outside, with a hold. */
proctype Guest() {
  byte left = SENDS, to;
  bit last = 0;
  do
  :: left > 0 ->
     left--;
     if
     :: to = 0
     :: to = N - 1
     fi;
     inbox[to]++;
     wake(to)
  :: else -> break
  od;
  guest_done = 1;
  atomic { holds--; last = (awake == 0 && holds == 0) };
#ifndef BUG7
  if
  :: last -> last = 0; wake(0)
  :: else -> last = 0
  fi
#endif
}

/* A thread outside, without one. */
proctype Drainer() {
  byte k = 0;
  bit last = 0;
  do
  :: k < N -> wake(k); k++
  :: else -> break
  od
}

proctype Stopper() {
  byte k;
  forced = 1;
  stop_all()
}

proctype Pool() {
  work_ready = 1
}

init {
  byte i = 0;
  atomic {
    do
    :: i < N -> run Worker(i); i++
    :: else -> break
    od;
    run Guest();
    if :: DRAIN -> run Drainer() :: else -> skip fi;
    if :: STOP -> run Stopper() :: else -> skip fi;
    if :: WORK -> run Pool() :: else -> skip fi
  }
}
