/* One host that does what docs/protocol.md asks of it: a beat every tick, one request at a time, repeated until it is
 * answered. The line loses all of up to LOSSES ticks in a row; the host may die at any time. That the hand moves at
 * all when it may, and lets go of everything when the host is dead, are properties of temporal logic. */

#include "hand.pml"

#define LOSSES 2

byte request; /* which one is under way: 0 HELLO, 1 ARM, 2 COMMAND, 3 none */
bool obeyed;  /* it has arrived, but its answer has not */
bool arrives, is_answered; /* what is sent in this tick */
byte lost; /* ticks in a row */
bool dead;

ltl moves { <> dead || <> [] (state == HOLD && position == FAR) }
ltl is_not_stopped { [] (dead || !LATCHED_STATE(state)) }
ltl lets_go_when_alone { [] (dead -> <> [] (!ARMED_STATE(state) && !attached)) }

inline send_beat() {
    what = BEAT;
    fresh = true;
    first = true;
    happen();
    clear()
}

inline send_request() {
    if
    :: request == 0 -> what = HELLO_FRAME
    :: request == 1 -> what = ARM_FRAME
    :: request == 2 -> what = COMMAND; place = FAR; ticks = FAR + 1
    fi;
    fresh = !obeyed;
    first = fresh;
    happen();
    clear();
    obeyed = !is_answered;
    request = request + is_answered
}

active proctype world() {
    do
    :: atomic {
        if
        :: dead
        :: !dead -> dead = true
        :: !dead && lost < LOSSES -> lost++
        :: !dead && lost < LOSSES -> lost++; arrives = true
        :: !dead -> lost = 0; arrives = true; is_answered = true
        fi;
        d_step { what = TICK; happen(); clear() }
        if
        :: arrives -> d_step { send_beat() }
        :: else
        fi;
        if
        :: arrives && request < 3 -> d_step { send_request() }
        :: else
        fi;
        arrives = false;
        is_answered = false
    }
    od
}
