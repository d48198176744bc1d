/* mute.pml - full mailboxes mute their senders, as in runtime/impl/turn.c, for spin.
 *
 * N actors in a circle (or, with -DSTAR, all sending to the last one), each on a worker of its
 * own. Each begins with one message that makes it send FLOOD messages to its receiver; each of
 * those is passed on LEFT times. A send that finds HIGH or more messages marks its sender, whose
 * turn ends after this message. It then registers with the receiver, sends it an empty `look`,
 * and looks at its own waiters: an actor that somebody waits for does not sleep. Every turn of
 * the receiver ends with a look at its waiters; at LOW or less they are taken by exchange and
 * woken. A turn of one message other than a look that leaves none behind it need not look.
 * Registering, taking and waking are single steps, all else interleaves.
 *
 * Proved: every message is handled, nobody is left muted (no lost wake-up, no closed circle), a
 * sender is woken once per registration, and no mailbox grows beyond HIGH, a turn's sends of
 * each actor and the looks.
 *
 * check:  -DN=2 -DFLOOD=3 -DLEFT=1
 * check:  -DN=3 -DFLOOD=2 -DLEFT=0
 * check:  -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR
 * mutant: -DN=2 -DFLOOD=3 -DLEFT=0 -DBUG1  no look at the own waiters
 * mutant: -DN=2 -DFLOOD=3 -DLEFT=1 -DBUG2  only a full sender stays awake (and may not be one)
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG3  no `look`
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG4  the `look` is sent before registering
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG5  waiters are read, then cleared
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG6  waiters are woken but not taken
 * mutant: -DN=2 -DFLOOD=3 -DLEFT=0 -DBUG7  looks before it has registered
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG8  no turn of one message looks
 * mutant: -DN=3 -DFLOOD=3 -DLEFT=0 -DSTAR -DBUG9  with room for none, and none looks */
#define HIGH  2
#ifdef BUG9
#define LOW   0
#else
#define LOW   1
#endif
#define TYPES 4                       /* begin, pass 0, pass 1, look */
#define BEGIN 0
#define PASS  1
#define LOOK  3
#ifdef STAR
#define NEXT(a) (N - 1)
#else
#define NEXT(a) (((a) + 1) % N)
#endif

typedef mail { byte kind[TYPES] };
mail box[N];
byte waiting[N];                      /* sum of the above */
byte waiters[N];                      /* bit set */
bit muted[N], woken[N];
byte left_over = 0;                   /* messages somebody still has to handle */

inline put(to, type) {
  d_step {
    box[to].kind[type]++;
    waiting[to]++;
    if :: type != LOOK -> left_over++ :: else -> skip fi;
    assert(waiting[to] <= HIGH + N * (FLOOD + 1) + N)
  }
}

inline send(to, type) {
  put(to, type);
  if
  :: to != me && waiting[to] >= HIGH -> mute_on = to + 1
  :: else -> skip
  fi
}

inline wake_waiters(a) {
#ifdef BUG5
  set = waiters[a];
  waiters[a] = 0;
#else
#ifdef BUG6
  set = waiters[a];
#else
  atomic { set = waiters[a]; waiters[a] = 0 };
#endif
#endif
  i = 0;
  do
  :: i < N ->
     if
     :: (set >> i) & 1 -> d_step { assert(muted[i] && !woken[i]); woken[i] = 1 }
     :: else -> skip
     fi;
     i++
  :: else -> break
  od;
  i = 0;
  set = 0
}

inline handle(type) {
  d_step {
    box[me].kind[type]--;
    waiting[me]--;
    if :: type != LOOK -> left_over-- :: else -> skip fi;
#ifdef BUG8
    few = (few == 0 -> 1 : 2)
#else
    few = (few == 0 && type != LOOK -> 1 : 2)
#endif
  };
  if
  :: type == BEGIN ->
     k = 0;
     do
     :: k < FLOOD -> send(NEXT(me), PASS + LEFT); k++
     :: else -> break
     od;
     k = 0
  :: type == PASS + 1 -> send(NEXT(me), PASS)
  :: else -> skip
  fi
}

inline mute() {
  on = mute_on - 1;
  mute_on = 0;
#ifdef BUG4
  put(on, LOOK);
#endif
#ifdef BUG7
  set = waiters[me];
#endif
  d_step { muted[me] = 1; waiters[on] = waiters[on] | (1 << me) };
#ifndef BUG3
#ifndef BUG4
  put(on, LOOK);
#endif
#endif
#ifndef BUG1
#ifndef BUG2
  if
#ifdef BUG7
  :: set != 0 -> wake_waiters(on)
#else
  :: waiters[me] != 0 -> wake_waiters(on)
#endif
  :: else -> skip
  fi;
#endif
#endif
asleep:
  d_step { woken[me] -> woken[me] = 0; muted[me] = 0 }
}

inline may_mute() {
#ifdef BUG1
  may = 1
#else
#ifdef BUG2
  may = (waiting[me] < HIGH)
#else
  may = (waiters[me] == 0)
#endif
#endif
}

proctype Actor(byte me) {
  byte mute_on = 0, on = 0, set = 0, i = 0, k = 0;
  byte few = 0;                       /* of this turn: 1: one message and no look; 2: others */
  bit may = 0;
end:
  do
  :: waiting[me] > 0 ->
     if
     :: box[me].kind[BEGIN] > 0 -> handle(BEGIN)
     :: box[me].kind[PASS] > 0 -> handle(PASS)
     :: box[me].kind[PASS + 1] > 0 -> handle(PASS + 1)
     :: box[me].kind[LOOK] > 0 -> handle(LOOK)
     fi;
     /* The turn may end here, and must when somebody is to be muted or nothing is left. */
     if
     :: waiting[me] > 0 && mute_on == 0 -> skip
     :: true ->
        if
        :: few == 1 && waiting[me] == 0 && mute_on == 0 -> skip
        :: true ->
           if
           :: waiters[me] != 0 && waiting[me] <= LOW -> wake_waiters(me)
           :: else -> skip
           fi
        fi;
        few = 0;
        may_mute();
        if
        :: mute_on != 0 && may -> mute()
        :: else -> skip
        fi;
        mute_on = 0;
        on = 0;
        may = 0
     fi
  od
}

active proctype Monitor() {
  byte i = 0;
  timeout ->
  assert(left_over == 0);
  do
  :: i < N -> assert(!muted[i] && waiters[i] == 0 && waiting[i] == 0); i++
  :: else -> break
  od
}

init {
  byte n = 0;
  atomic {
    do
    :: n < N ->
       box[n].kind[BEGIN] = 1; waiting[n] = 1; left_over++;
       run Actor(n); n++
    :: else -> break
    od
  }
}
