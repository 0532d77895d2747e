/* The hand of docs/protocol.md, its clock a servo frame a tick: what hand_protocol.c and hand_safety.c remember
 * and decide, without bytes, limits and numbers of joints. An environment includes this file and drives it with
 * happen() and clear(): any_host.pml, line.pml, sane_host.pml.
 *
 * The transitions are those of the compiled table (transitions.pml is generated from it); the rest is held
 * against the compiled core by replaying simulations. Each property is a holds() after what has happened. */

#include "transitions.pml"

#define NEVER 255
#ifndef LIMP
#define LIMP 2 /* ticks from FAILSAFE to letting go */
#endif
#ifndef WATCHDOG
#define WATCHDOG 5
#endif
#define STALL 2
#define BATTERY 3
#define FAR 7 /* the last place of the joint: more ticks away than WATCHDOG */
#if LIMP == NEVER
#define LIMP_CAP 0
#define PATIENCE WATCHDOG
#else
#define LIMP_CAP LIMP
#define PATIENCE (WATCHDOG + LIMP)
#endif

mtype = { NONE, LINK_SILENT, ESTOP_INPUT, STALLED, BATTERY_LOW };
mtype = { TICK, INPUTS, RESET, HELLO_FRAME, ARM_FRAME, COMMAND, QUERY, BAD_VALUE, BEAT, STOP_FRAME };
mtype = {
    motion_only_while_moving, motion_within_time_to_live, motion_only_while_the_host_talks,
    armed_by_ARM_alone, attached_by_ARM_alone, armed_means_attached,
    latch_opens_by_session_and_ARM, estop_stops_and_lets_go, estop_outlasts_everything,
    silence_stops, only_talk_feeds_the_watchdog, no_copy_is_obeyed, failsafe_lets_go, failsafe_holds_until_then,
    idle_lets_go, stall_lets_go, low_battery_stops, reset_disarms
};

#define ARMED_STATE(s) (s == ARMED || s == MOVING || s == HOLD)
#define LATCHED_STATE(s) (s == FAILSAFE || s == ESTOP)

/* What the hand remembers. */
byte state = BOOT;
mtype fault = NONE;
bool session, attached, renewed, estop_seen;
byte silent;      /* ticks since the watchdog was fed, up to PATIENCE */
byte latched_for; /* up to LIMP */
byte ttl;         /* ticks left of the command; 0: none */
byte stalled_for; /* ticks of the input, plus 1; 0: inactive */
byte low_for;
byte position, target;

/* Its inputs. */
bool estop, stall, low;

/* What an onlooker knows of it, in ticks. */
byte quiet;         /* since a frame told that the host is alive, up to PATIENCE */
byte since_latch;   /* of FAILSAFE, up to LIMP */
byte since_stall;   /* that the input has been active, up to STALL */
byte since_low;
byte since_command; /* while MOVING */
byte granted;       /* time to live of that command */
bool spoken;        /* a session began after the latch closed */

/* What happens next: set by the environment. */
mtype what;
bool fresh;         /* a frame whose numbers are right: the current session and a new seq; HELLO: a new session */
bool first;         /* a frame that has not been obeyed before */
byte place, ticks;  /* of COMMAND: where to, and its time to live */

/* Within a step only; 0 in between. */
byte was_state, was_position;
bool was_attached, was_pressed, accepted, told, moved;

/* In a random walk, what must happen more often than the rest for the walk to get anywhere. */
#ifdef SIMULATION
#define OFTEN(option) option option option option option option option option
#else
#define OFTEN(option) option
#endif

inline holds(condition, property) {
    if
    :: condition
    :: else -> printf("broken: %e\n", property); assert(false)
    fi
}

inline older(age, limit) {
    if
    :: age < limit -> age++
    :: else
    fi
}

/* --- hand_safety.c ---------------------------------------------------------------------------- */

inline latch(event, why) {
    enter(event);
    fault = why;
    renewed = false;
    ttl = 0;
    latched_for = 0
}

inline seen(input, since) {
    if
    :: input && since == 0 -> since = 1
    :: !input -> since = 0
    :: else
    fi
}

inline let_go() {
    if
    :: LIMP != NEVER && state == FAILSAFE && latched_for >= LIMP -> attached = false
    :: LIMP != NEVER && state == IDLE && silent >= PATIENCE -> attached = false
    :: else
    fi
}

inline update() {
    seen(stall, stalled_for);
    seen(low, low_for);
    if
    :: estop && (state != ESTOP || !estop_seen) -> latch(E_ESTOP, ESTOP_INPUT); attached = false
    :: else
    fi;
    estop_seen = estop;
    if
    :: ARMED_STATE(state) && silent >= WATCHDOG -> latch(E_FAULT, LINK_SILENT)
    :: else
    fi;
    if
    :: ARMED_STATE(state) && stalled_for > STALL -> latch(E_FAULT, STALLED)
    :: else
    fi;
    if
    :: ARMED_STATE(state) && low_for > BATTERY -> latch(E_FAULT, BATTERY_LOW)
    :: else
    fi;
    if
    :: stalled_for > STALL -> attached = false
    :: else
    fi;
    let_go()
}

inline expire() {
    if
    :: ttl == 1 -> ttl = 0; enter(E_EXPIRED)
    :: ttl > 1 -> ttl--
    :: else
    fi
}

inline arm() {
    if
    :: estop || stall || low || (LATCHED_STATE(state) && !renewed)
    :: else ->
        enter(E_ARM);
        fault = NONE;
        attached = ARMED_STATE(state);
        accepted = true
    fi
}

inline command() {
    if
    :: ARMED_STATE(state) ->
        if
        :: place != position -> enter(E_MOVE)
        :: else -> enter(E_STAY)
        fi;
        target = place;
        ttl = ticks;
        accepted = true
    :: else
    fi
}

/* --- hand_protocol.c -------------------------------------------------------------------------- */

inline new_session() {
    ttl = 0;
    silent = 0;
    renewed = LATCHED_STATE(state);
    enter(E_SESSION);
    session = true;
    accepted = true
}

inline dispatch() {
    if
    :: what == ARM_FRAME -> arm()
    :: what == COMMAND -> command()
    :: what == QUERY -> accepted = true
    :: else
    fi
}

inline receive() {
    update();
    if
    :: what == STOP_FRAME -> ttl = 0; enter(E_STOP)
    :: what == BEAT && fresh && session -> silent = 0; accepted = true
    :: what == HELLO_FRAME && fresh -> new_session()
    :: what != STOP_FRAME && what != BEAT && what != HELLO_FRAME && fresh && session ->
        dispatch();
        if
        :: accepted -> silent = 0
        :: else
        fi
    :: else
    fi
}

inline servo_frame() {
    if
    :: state == MOVING && position < target -> position++
    :: state == MOVING && position > target -> position--
    :: else
    fi;
    if
    :: state == MOVING && position == target -> enter(E_ARRIVED)
    :: else
    fi
}

inline tick() {
    older(silent, PATIENCE);
    if
    :: state == FAILSAFE -> older(latched_for, LIMP_CAP)
    :: else
    fi;
    if
    :: stalled_for > 0 && stalled_for <= STALL -> stalled_for++
    :: else
    fi;
    if
    :: low_for > 0 && low_for <= BATTERY -> low_for++
    :: else
    fi;
    update();
    expire();
    servo_frame()
}

inline restart() {
    state = BOOT;
    fault = NONE;
    session = false;
    attached = false;
    renewed = false;
    estop_seen = false;
    silent = 0;
    latched_for = 0;
    ttl = 0;
    stalled_for = 0;
    low_for = 0;
    position = 0;
    target = 0;
    update()
}

/* --- the properties --------------------------------------------------------------------------- */

inline watch_time() {
    older(quiet, PATIENCE);
    older(since_latch, LIMP_CAP);
    if
    :: stall -> older(since_stall, STALL)
    :: else
    fi;
    if
    :: low -> older(since_low, BATTERY)
    :: else
    fi;
    if
    :: state == MOVING -> since_command++
    :: else
    fi
}

inline watch_latch() {
    holds(!LATCHED_STATE(was_state) || LATCHED_STATE(state) || (what == ARM_FRAME && told && spoken && !estop),
        latch_opens_by_session_and_ARM);
    holds(was_state != ESTOP || state != FAILSAFE, estop_outlasts_everything);
    holds(!estop || (state == ESTOP && !attached), estop_stops_and_lets_go);
    if
    :: LATCHED_STATE(state) && (state != was_state || (estop && !was_pressed)) -> spoken = false; since_latch = 0
    :: else
    fi;
    if
    :: !LATCHED_STATE(state) -> spoken = false; since_latch = 0
    :: LATCHED_STATE(state) && what == HELLO_FRAME && told -> spoken = true
    :: else
    fi
}

inline watch_motion() {
    moved = position != was_position;
    holds(!moved || (what == TICK && was_state == MOVING && attached), motion_only_while_moving);
    holds(!moved || since_command < granted, motion_within_time_to_live);
    holds(!moved || quiet < WATCHDOG, motion_only_while_the_host_talks);
    if
    :: what == COMMAND && accepted -> since_command = 0; granted = ticks
    :: else
    fi;
    if
    :: state != MOVING -> since_command = 0; granted = 0
    :: else
    fi
}

inline watch_stops() {
    holds(!accepted || first, no_copy_is_obeyed);
    holds(silent >= quiet, only_talk_feeds_the_watchdog);
    holds(!ARMED_STATE(state) || quiet < WATCHDOG, silence_stops);
    holds(!ARMED_STATE(state) || since_low < BATTERY, low_battery_stops);
    holds(!attached || since_stall < STALL, stall_lets_go);
    holds(LIMP == NEVER || state != FAILSAFE || !attached || since_latch < LIMP, failsafe_lets_go);
    holds(LIMP == NEVER || state != IDLE || !attached || quiet < PATIENCE, idle_lets_go);
    holds(state != FAILSAFE || !was_attached || attached || since_stall >= STALL || since_latch >= LIMP,
        failsafe_holds_until_then)
}

inline watch_arming() {
    holds(!ARMED_STATE(state) || ARMED_STATE(was_state) || (what == ARM_FRAME && told && !estop && !stall && !low),
        armed_by_ARM_alone);
    holds(!attached || was_attached || (what == ARM_FRAME && told), attached_by_ARM_alone);
    holds(!ARMED_STATE(state) || attached, armed_means_attached)
}

inline watch_restart() {
    holds((state == BOOT || (state == ESTOP && estop)) && !attached && !session, reset_disarms);
    quiet = 0;
    since_latch = 0;
    since_stall = 0;
    since_low = 0;
    since_command = 0;
    granted = 0;
    spoken = false
}

/* One thing happens to the hand; clear() afterwards. */
inline happen() {
    printf("%e %d %d %d %d%d%d\n", what, fresh, place, ticks, estop, stall, low);
    was_state = state;
    was_position = position;
    was_attached = attached;
    was_pressed = estop_seen;
    accepted = false;
    if
    :: !stall -> since_stall = 0
    :: else
    fi;
    if
    :: !low -> since_low = 0
    :: else
    fi;
    if
    :: what == TICK -> watch_time(); tick()
    :: what == INPUTS -> update()
    :: what == RESET -> restart()
    :: else -> receive()
    fi;
    told = accepted && first;
    if
    :: told -> quiet = 0
    :: else
    fi;
    if
    :: what == RESET -> watch_restart()
    :: else ->
        watch_latch();
        watch_motion();
        watch_stops();
        watch_arming()
    fi;
    printf("= %d %e %d %d %d\n", state, fault, attached, position, accepted)
}

inline clear() {
    what = 0;
    fresh = false;
    first = false;
    place = 0;
    ticks = 0;
    was_state = 0;
    was_position = 0;
    was_attached = false;
    was_pressed = false;
    accepted = false;
    told = false;
    moved = false
}
