/* The only place that decides whether anything may move, how far and how fast. Pure: no I/O, time passed in. */
#ifndef HAND_SAFETY_H
#define HAND_SAFETY_H

#include "hand_hal.h"
#include "hand_profile.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint16_t min_us;
    uint16_t max_us;
    uint16_t rate_us;
} hand_limits;

/* What leads from state to state; hand_safety_next is the whole of it. */
enum hand_safety_event {
    HAND_SAFETY_SESSION = 0, /* a host began a session */
    HAND_SAFETY_ARM = 1,     /* of a latched state: only after HAND_SAFETY_SESSION, with the e-stop released */
    HAND_SAFETY_MOVE = 2,    /* a command to go elsewhere */
    HAND_SAFETY_STAY = 3,    /* a command that is fulfilled where the hand is */
    HAND_SAFETY_ARRIVED = 4,
    HAND_SAFETY_EXPIRED = 5, /* the command's time to live is over */
    HAND_SAFETY_STOP = 6,
    HAND_SAFETY_FAULT = 7,
    HAND_SAFETY_ESTOP = 8
};

#define HAND_SAFETY_EVENTS 9u

/* An input that counts once it has been active for a while. */
typedef struct {
    bool active;
    uint32_t from_ms;
} hand_lasting;

typedef struct {
    const hand_profile *profile;
    uint8_t joints;
    uint8_t state;
    uint8_t fault;
    bool attached;    /* outputs drive the servos */
    bool renewed;     /* a session began after the latch closed */
    bool estop_seen;  /* the input was active at the last update: a second press latches anew */
    bool ttl_running;
    uint16_t ttl_ms;
    uint32_t ttl_from_ms;
    uint32_t fed_ms;
    uint32_t latched_ms;
    hand_lasting stall;
    hand_lasting battery_low;
    hand_limits limits[HAND_MAX_JOINTS]; /* the profile's, perhaps narrowed in this session */
} hand_safety;

void hand_safety_init(hand_safety *safety, const hand_profile *profile);

/* The state after `event`: the same one where it changes nothing, ESTOP from a state that does not exist. */
uint8_t hand_safety_next(uint8_t state, uint8_t event);

/* Apply time and the inputs; call before anything else happens. True when an action's time ran out. */
bool hand_safety_update(hand_safety *safety, uint32_t now_ms, uint8_t inputs);

/* A new session disarms and restores the profile's limits; it never opens a latch by itself. */
void hand_safety_new_session(hand_safety *safety, uint32_t now_ms);

void hand_safety_feed(hand_safety *safety, uint32_t now_ms);

/* Stop at the present position, outputs kept; a new ARM is needed. */
void hand_safety_stop(hand_safety *safety);

/* These return 0 (HAND_NACK_NONE) or the reason of the refusal, and then nothing has changed. The caller
 * feeds the watchdog for what was accepted. */
uint8_t hand_safety_arm(hand_safety *safety, uint8_t inputs);
uint8_t hand_safety_may_command(const hand_safety *safety);
uint8_t hand_safety_begin(hand_safety *safety, uint32_t now_ms, uint16_t ttl_ms, bool moves);
uint8_t hand_safety_may_configure(const hand_safety *safety);
uint8_t hand_safety_check_limits(const hand_safety *safety, uint8_t joint, hand_limits wanted, uint16_t present_us);

bool hand_safety_within(const hand_safety *safety, uint8_t joint, uint16_t us);
uint16_t hand_safety_clamp(const hand_safety *safety, uint8_t joint, uint16_t us);

bool hand_safety_may_move(const hand_safety *safety);

/* Every joint is where it should be; only where hand_safety_may_move. */
void hand_safety_arrived(hand_safety *safety);

/* The pulse that may really follow `present_us` when motion asks for `wanted_us`. */
uint16_t hand_safety_gate(const hand_safety *safety, uint8_t joint, uint16_t present_us, uint16_t wanted_us);

#endif
