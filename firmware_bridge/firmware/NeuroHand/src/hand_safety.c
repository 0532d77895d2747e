#include "hand_safety.h"

#include <string.h>

static bool armed(const hand_safety *safety)
{
    return safety->state == HAND_STATE_ARMED || safety->state == HAND_STATE_MOVING ||
           safety->state == HAND_STATE_HOLD;
}

static bool latched(const hand_safety *safety)
{
    return safety->state == HAND_STATE_FAILSAFE || safety->state == HAND_STATE_ESTOP;
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
    safety->state = HAND_STATE_BOOT;
    restore_limits(safety);
}

static void latch(hand_safety *safety, uint8_t state, uint8_t fault, uint32_t now_ms)
{
    safety->state = state;
    safety->fault = fault;
    safety->renewed = false;
    safety->ttl_running = false;
    safety->latched_ms = now_ms;
}

bool hand_safety_update(hand_safety *safety, uint32_t now_ms, bool estop)
{
    uint16_t watchdog_ms = hand_profile_watchdog_ms(safety->profile);
    uint16_t limp_ms = HAND_FLASH_U16(safety->profile->limp_ms);
    uint32_t silent_ms = now_ms - safety->fed_ms;

    if (estop && (safety->state != HAND_STATE_ESTOP || !safety->estop_seen)) {
        latch(safety, HAND_STATE_ESTOP, HAND_FAULT_ESTOP_INPUT, now_ms);
        safety->attached = false;
    }
    safety->estop_seen = estop;
    if (armed(safety) && silent_ms >= watchdog_ms) {
        latch(safety, HAND_STATE_FAILSAFE, HAND_FAULT_LINK_SILENT, now_ms);
    }
    if (safety->state == HAND_STATE_FAILSAFE && now_ms - safety->latched_ms >= limp_ms) {
        safety->attached = false;
    }
    if (safety->state == HAND_STATE_IDLE && silent_ms >= (uint32_t)watchdog_ms + limp_ms) {
        safety->attached = false;
    }
    if (safety->ttl_running && now_ms - safety->ttl_from_ms >= safety->ttl_ms) {
        safety->ttl_running = false;
        safety->state = HAND_STATE_HOLD;
        return true;
    }
    return false;
}

void hand_safety_new_session(hand_safety *safety, uint32_t now_ms)
{
    safety->ttl_running = false;
    safety->fed_ms = now_ms;
    restore_limits(safety);
    if (latched(safety)) {
        safety->renewed = true;
    } else {
        safety->state = HAND_STATE_IDLE;
    }
}

void hand_safety_feed(hand_safety *safety, uint32_t now_ms)
{
    safety->fed_ms = now_ms;
}

void hand_safety_stop(hand_safety *safety)
{
    safety->ttl_running = false;
    if (armed(safety)) {
        safety->state = HAND_STATE_IDLE;
    }
}

uint8_t hand_safety_arm(hand_safety *safety, bool estop)
{
    if (estop) {
        return HAND_NACK_ESTOP;
    }
    if (latched(safety) && !safety->renewed) {
        return HAND_NACK_LATCHED;
    }
    if (!armed(safety)) {
        safety->state = HAND_STATE_ARMED;
        safety->fault = HAND_FAULT_NONE;
        safety->attached = true;
    }
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
    safety->state = moves ? HAND_STATE_MOVING : HAND_STATE_HOLD;
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
    return safety->state == HAND_STATE_MOVING;
}

void hand_safety_arrived(hand_safety *safety)
{
    safety->state = HAND_STATE_HOLD;
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
