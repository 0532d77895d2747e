#include "hand_safety.h"

#include <string.h>

#define BOOT HAND_STATE_BOOT
#define IDLE HAND_STATE_IDLE
#define ARMED HAND_STATE_ARMED
#define MOVING HAND_STATE_MOVING
#define HOLD HAND_STATE_HOLD
#define FAILSAFE HAND_STATE_FAILSAFE
#define ESTOP HAND_STATE_ESTOP

/* extras/model/ proves the properties of this table; a test holds the two together. */
static const uint8_t transitions[HAND_STATES][HAND_SAFETY_EVENTS] HAND_FLASH = {
    /*             SESSION   ARM       MOVE      STAY      ARRIVED   EXPIRED   STOP      FAULT     ESTOP */
    [BOOT] =     { IDLE,     BOOT,     BOOT,     BOOT,     BOOT,     BOOT,     BOOT,     BOOT,     ESTOP },
    [IDLE] =     { IDLE,     ARMED,    IDLE,     IDLE,     IDLE,     IDLE,     IDLE,     IDLE,     ESTOP },
    [ARMED] =    { IDLE,     ARMED,    MOVING,   HOLD,     ARMED,    ARMED,    IDLE,     FAILSAFE, ESTOP },
    [MOVING] =   { IDLE,     MOVING,   MOVING,   HOLD,     HOLD,     HOLD,     IDLE,     FAILSAFE, ESTOP },
    [HOLD] =     { IDLE,     HOLD,     MOVING,   HOLD,     HOLD,     HOLD,     IDLE,     FAILSAFE, ESTOP },
    [FAILSAFE] = { FAILSAFE, ARMED,    FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE, FAILSAFE, ESTOP },
    [ESTOP] =    { ESTOP,    ARMED,    ESTOP,    ESTOP,    ESTOP,    ESTOP,    ESTOP,    ESTOP,    ESTOP },
};

uint8_t hand_safety_next(uint8_t state, uint8_t event)
{
    if (state >= HAND_STATES) {
        return ESTOP;
    }
    return HAND_FLASH_U8(transitions[state][event]);
}

static void enter(hand_safety *safety, uint8_t event)
{
    safety->state = hand_safety_next(safety->state, event);
}

static bool armed(const hand_safety *safety)
{
    return safety->state == ARMED || safety->state == MOVING || safety->state == HOLD;
}

static bool latched(const hand_safety *safety)
{
    return safety->state == FAILSAFE || safety->state == ESTOP;
}

static uint16_t within_servo_range(uint16_t us)
{
    if (us < HAND_PULSE_MIN_US) {
        return HAND_PULSE_MIN_US;
    }
    return us > HAND_PULSE_MAX_US ? HAND_PULSE_MAX_US : us;
}

static void restore_limits(hand_safety *safety)
{
    for (uint8_t i = 0; i < safety->joints; i++) {
        uint16_t min_us = within_servo_range(HAND_FLASH_U16(safety->profile->joint[i].min_us));
        uint16_t max_us = within_servo_range(HAND_FLASH_U16(safety->profile->joint[i].max_us));
        safety->limits[i].min_us = min_us;
        safety->limits[i].max_us = max_us < min_us ? min_us : max_us;
        safety->limits[i].rate_us = HAND_FLASH_U16(safety->profile->joint[i].rate_us);
    }
}

void hand_safety_init(hand_safety *safety, const hand_profile *profile)
{
    memset(safety, 0, sizeof *safety);
    safety->profile = profile;
    safety->joints = hand_profile_joints(profile);
    safety->state = BOOT;
    restore_limits(safety);
}

static void latch(hand_safety *safety, uint8_t event, uint8_t fault, uint32_t now_ms)
{
    enter(safety, event);
    safety->fault = fault;
    safety->renewed = false;
    safety->ttl_running = false;
    safety->latched_ms = now_ms;
}

/* True when `input` has been active for `limit_ms` in one go. */
static bool lasts(hand_lasting *input, bool active, uint16_t limit_ms, uint32_t now_ms)
{
    if (active && !input->active) {
        input->from_ms = now_ms;
    }
    input->active = active;
    return active && limit_ms != 0 && now_ms - input->from_ms >= limit_ms;
}

static void let_go_after(hand_safety *safety, uint32_t silent_ms, uint32_t now_ms)
{
    uint16_t limp_ms = HAND_FLASH_U16(safety->profile->limp_ms);
    uint32_t idle_ms = (uint32_t)hand_profile_watchdog_ms(safety->profile) + limp_ms;
    if (limp_ms == HAND_LIMP_NEVER) {
        return;
    }
    if ((safety->state == FAILSAFE && now_ms - safety->latched_ms >= limp_ms) ||
        (safety->state == IDLE && silent_ms >= idle_ms)) {
        safety->attached = false;
    }
}

bool hand_safety_update(hand_safety *safety, uint32_t now_ms, uint8_t inputs)
{
    const hand_profile *profile = safety->profile;
    bool estop = (inputs & HAND_INPUT_ESTOP) != 0;
    bool stalled =
        lasts(&safety->stall, (inputs & HAND_INPUT_STALL) != 0, HAND_FLASH_U16(profile->stall_ms), now_ms);
    bool flat = lasts(&safety->battery_low, (inputs & HAND_INPUT_BATTERY_LOW) != 0,
                      HAND_FLASH_U16(profile->battery_ms), now_ms);
    uint32_t silent_ms = now_ms - safety->fed_ms;

    if (estop && (safety->state != ESTOP || !safety->estop_seen)) {
        latch(safety, HAND_SAFETY_ESTOP, HAND_FAULT_ESTOP_INPUT, now_ms);
        safety->attached = false;
    }
    safety->estop_seen = estop;
    if (armed(safety) && silent_ms >= hand_profile_watchdog_ms(profile)) {
        latch(safety, HAND_SAFETY_FAULT, HAND_FAULT_LINK_SILENT, now_ms);
    }
    if (armed(safety) && stalled) {
        latch(safety, HAND_SAFETY_FAULT, HAND_FAULT_STALLED, now_ms);
    }
    if (armed(safety) && flat) {
        latch(safety, HAND_SAFETY_FAULT, HAND_FAULT_BATTERY_LOW, now_ms);
    }
    if (stalled) {
        safety->attached = false;
    }
    let_go_after(safety, silent_ms, now_ms);
    if (safety->ttl_running && now_ms - safety->ttl_from_ms >= safety->ttl_ms) {
        safety->ttl_running = false;
        enter(safety, HAND_SAFETY_EXPIRED);
        return true;
    }
    return false;
}

void hand_safety_new_session(hand_safety *safety, uint32_t now_ms)
{
    safety->ttl_running = false;
    safety->fed_ms = now_ms;
    restore_limits(safety);
    safety->renewed = latched(safety);
    enter(safety, HAND_SAFETY_SESSION);
}

void hand_safety_feed(hand_safety *safety, uint32_t now_ms)
{
    safety->fed_ms = now_ms;
}

void hand_safety_stop(hand_safety *safety)
{
    safety->ttl_running = false;
    enter(safety, HAND_SAFETY_STOP);
}

uint8_t hand_safety_arm(hand_safety *safety, uint8_t inputs)
{
    bool battery_watched = HAND_FLASH_U16(safety->profile->battery_ms) != 0;
    bool stall_watched = HAND_FLASH_U16(safety->profile->stall_ms) != 0;
    if ((inputs & HAND_INPUT_ESTOP) != 0) {
        return HAND_NACK_ESTOP;
    }
    if (latched(safety) && !safety->renewed) {
        return HAND_NACK_LATCHED;
    }
    if (battery_watched && (inputs & HAND_INPUT_BATTERY_LOW) != 0) {
        return HAND_NACK_BATTERY;
    }
    if (stall_watched && (inputs & HAND_INPUT_STALL) != 0) {
        return HAND_NACK_STALLED;
    }
    enter(safety, HAND_SAFETY_ARM);
    safety->fault = HAND_FAULT_NONE;
    safety->attached = armed(safety);
    return HAND_NACK_NONE;
}

uint8_t hand_safety_may_command(const hand_safety *safety)
{
    if (armed(safety)) {
        return HAND_NACK_NONE;
    }
    return latched(safety) ? HAND_NACK_LATCHED : HAND_NACK_NOT_ARMED;
}

uint8_t hand_safety_begin(hand_safety *safety, uint32_t now_ms, uint16_t ttl_ms, bool moves)
{
    uint8_t refusal = hand_safety_may_command(safety);
    if (refusal != HAND_NACK_NONE) {
        return refusal;
    }
    if (ttl_ms == 0 || ttl_ms > HAND_FLASH_U16(safety->profile->max_ttl_ms)) {
        return HAND_NACK_VALUE;
    }
    enter(safety, moves ? HAND_SAFETY_MOVE : HAND_SAFETY_STAY);
    safety->ttl_ms = ttl_ms;
    safety->ttl_from_ms = now_ms;
    safety->ttl_running = true;
    return HAND_NACK_NONE;
}

uint8_t hand_safety_may_configure(const hand_safety *safety)
{
    return armed(safety) ? HAND_NACK_ARMED : HAND_NACK_NONE;
}

uint8_t hand_safety_check_limits(const hand_safety *safety, uint8_t joint, hand_limits wanted, uint16_t present_us)
{
    if (joint >= safety->joints) {
        return HAND_NACK_VALUE;
    }
    const hand_limits *now = &safety->limits[joint];
    bool wider = wanted.min_us < now->min_us || wanted.max_us > now->max_us || wanted.rate_us > now->rate_us;
    bool empty = wanted.min_us > wanted.max_us || wanted.rate_us == 0;
    bool outside = present_us < wanted.min_us || present_us > wanted.max_us;
    if (wider || empty || (outside && safety->attached)) {
        return HAND_NACK_VALUE;
    }
    return HAND_NACK_NONE;
}

bool hand_safety_within(const hand_safety *safety, uint8_t joint, uint16_t us)
{
    return joint < safety->joints && us >= safety->limits[joint].min_us && us <= safety->limits[joint].max_us;
}

uint16_t hand_safety_clamp(const hand_safety *safety, uint8_t joint, uint16_t us)
{
    const hand_limits *limits = &safety->limits[joint];
    if (us < limits->min_us) {
        return limits->min_us;
    }
    return us > limits->max_us ? limits->max_us : us;
}

bool hand_safety_may_move(const hand_safety *safety)
{
    return safety->state == MOVING;
}

void hand_safety_arrived(hand_safety *safety)
{
    enter(safety, HAND_SAFETY_ARRIVED);
}

uint16_t hand_safety_gate(const hand_safety *safety, uint8_t joint, uint16_t present_us, uint16_t wanted_us)
{
    if (!hand_safety_may_move(safety)) {
        return present_us;
    }
    uint16_t us = hand_safety_clamp(safety, joint, wanted_us);
    uint16_t rate = safety->limits[joint].rate_us;
    if (us > present_us && us - present_us > rate) {
        return (uint16_t)(present_us + rate);
    }
    if (us < present_us && present_us - us > rate) {
        return (uint16_t)(present_us - rate);
    }
    return us;
}
