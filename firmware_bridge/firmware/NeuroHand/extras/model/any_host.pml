/* Every host, every line: any frame at any time, with numbers that are right or not; any input; a restart of the
 * microcontroller at any time. Two hosts, lost, repeated and late frames are among what this does. */

#include "hand.pml"

active proctype world() {
    do
    :: atomic {
        if
        OFTEN(:: what = TICK)
        :: what = RESET
        :: what = INPUTS; estop = !estop
        :: what = INPUTS; stall = !stall
        :: what = INPUTS; low = !low
        OFTEN(:: what = INPUTS; estop = false; stall = false; low = false)
        :: what = HELLO_FRAME
        OFTEN(:: what = ARM_FRAME)
        :: what = QUERY
        :: what = BAD_VALUE
        :: what = BEAT
        :: what = STOP_FRAME
        :: what = COMMAND; ticks = 9
        :: what = COMMAND; ticks = 9; place = 1
        :: what = COMMAND; ticks = 9; place = FAR
        :: what = COMMAND; ticks = 1; place = FAR
        :: what = COMMAND; ticks = 3; place = FAR
        fi;
        if
        :: true
        OFTEN(:: what != TICK && what != RESET && what != INPUTS -> fresh = true; first = true)
        fi;
        d_step { happen(); clear() }
    }
    od
}
