/* Sessions and sequence numbers as the hand keeps them, against hosts that send any frame with any numbers over a
 * line that keeps copies: each of the last frames may arrive late, again and again, and out of order. Shown is that
 * no copy does anything twice and none feeds the watchdog.
 *
 * Scaled down: seq counts to 4 and only the next one is new (256, and 127 of them); two session ids; the line
 * keeps the last two frames. What must hold of the real line as well: no copy is older than the window, no
 * HELLO arrives after a later one, a restart of the microcontroller finds the line empty, and a session id does not
 * come back while a frame of its last use is on the line. */

#ifndef WATCHDOG
#define WATCHDOG 2
#define LIMP 1
#endif
#include "hand.pml"

#define SEQS 4
#define NOWHERE 2
#define IS_NEXT(seq, last) (seq == (last + 1) % SEQS)

/* hand_protocol.c */
byte current; /* session; 0: none */
byte last_seq, beat_seq;
bool beat_seen;

/* The frame that arrives. */
byte number, seq;

typedef copy {
    mtype what; /* 0: none */
    byte number, seq;
    bool obeyed
};
copy line[2]; /* the newer one first */
#define on_line(n) \
    ((line[0].what != 0 && line[0].number == n) || (line[1].what != 0 && line[1].number == n))

inline wipe(i) {
    line[i].what = 0;
    line[i].number = 0;
    line[i].seq = 0;
    line[i].obeyed = false
}

inline put() {
    line[1].what = line[0].what;
    line[1].number = line[0].number;
    line[1].seq = line[0].seq;
    line[1].obeyed = line[0].obeyed;
    line[0].what = what;
    line[0].number = number;
    line[0].seq = seq;
    line[0].obeyed = false
}

inline take() {
    what = line[at].what;
    number = line[at].number;
    seq = line[at].seq;
    first = !line[at].obeyed
}

inline look_at_numbers() {
    if
    :: what == HELLO_FRAME -> fresh = number != current
    :: what == BEAT -> fresh = number == current && (!beat_seen || IS_NEXT(seq, beat_seq))
    :: what == STOP_FRAME
    :: else -> fresh = number == current && IS_NEXT(seq, last_seq)
    fi
}

inline keep_numbers() {
    if
    :: fresh && what == HELLO_FRAME -> current = number; last_seq = seq; beat_seen = false; beat_seq = 0
    :: fresh && what == BEAT -> beat_seen = true; beat_seq = seq
    :: fresh && what == ARM_FRAME && accepted -> last_seq = seq; beat_seen = false; beat_seq = 0
    :: fresh && what != HELLO_FRAME && what != BEAT && what != STOP_FRAME -> last_seq = seq
    :: else
    fi
}

inline forget_session() {
    current = 0;
    last_seq = 0;
    beat_seq = 0;
    beat_seen = false;
    for (i : 0 .. 1) {
        wipe(i)
    }
}

/* No HELLO arrives after a later one. */
inline drop_hellos() {
    for (i : 0 .. 1) {
        if
        :: line[i].what == HELLO_FRAME && line[i].number != number -> wipe(i)
        :: else
        fi
    }
}

/* ARM makes the hand forget the last BEAT, so that one of before may count once more. It is the only copy that
 * does, and it only feeds the watchdog. */
inline renew_beats() {
    for (i : 0 .. 1) {
        if
        :: line[i].what == BEAT -> line[i].obeyed = false
        :: else
        fi
    }
}

inline send() {
    if
    :: what == HELLO_FRAME && number != current && on_line(number)
    :: else -> put()
    fi
}

inline arrive() {
    take();
    look_at_numbers();
    printf("numbers %d %d\n", number, seq)
}

inline after_arrival() {
    keep_numbers();
    line[at].obeyed = line[at].obeyed || accepted;
    if
    :: fresh && what == HELLO_FRAME -> drop_hellos()
    :: what == ARM_FRAME && accepted -> renew_beats()
    :: else
    fi
}

inline choose_frame() {
    if
    :: what = HELLO_FRAME /* of any seq: all that follow are compared with it alone */
    :: what = ARM_FRAME
    :: what = QUERY
    :: what = BEAT
    fi;
    if
    :: number = 1
    :: number = 2
    fi;
    if
    :: true
    :: what != HELLO_FRAME -> seq = 1
    :: what != HELLO_FRAME -> seq = 2
    :: what != HELLO_FRAME -> seq = 3
    fi
}

active proctype world() {
    byte at = NOWHERE, i;
    do
    :: atomic {
        if
        OFTEN(:: what = TICK)
        :: what = STOP_FRAME
        :: what = RESET
        OFTEN(:: choose_frame())
        OFTEN(:: line[0].what != 0 -> at = 0)
        OFTEN(:: line[1].what != 0 -> at = 1)
        fi;
        d_step {
            if
            :: number != 0 -> send()
            :: else ->
                if
                :: at != NOWHERE -> arrive()
                :: else
                fi;
                happen();
                if
                :: at != NOWHERE -> after_arrival()
                :: what == RESET -> forget_session()
                :: else
                fi
            fi;
            clear();
            number = 0;
            seq = 0;
            at = NOWHERE;
            i = 0
        }
    }
    od
}
