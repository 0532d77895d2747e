#include "hand_motion.h"

#include <string.h>

void hand_motion_init(hand_motion *motion, const hand_profile *profile)
{
    memset(motion, 0, sizeof *motion);
    motion->joints = hand_profile_joints(profile);
    for (uint8_t i = 0; i < motion->joints; i++) {
        motion->position_us[i] = HAND_FLASH_U16(profile->joint[i].rest_us);
    }
}

void hand_motion_settle(hand_motion *motion, const hand_safety *safety)
{
    for (uint8_t i = 0; i < motion->joints; i++) {
        motion->position_us[i] = hand_safety_clamp(safety, i, motion->position_us[i]);
    }
}

bool hand_motion_is_elsewhere(const hand_motion *motion, const uint16_t *target_us)
{
    for (uint8_t i = 0; i < motion->joints; i++) {
        if (target_us[i] != HAND_KEEP && target_us[i] != motion->position_us[i]) {
            return true;
        }
    }
    return false;
}

void hand_motion_go(hand_motion *motion, const uint16_t *target_us, uint8_t speed)
{
    for (uint8_t i = 0; i < motion->joints; i++) {
        motion->target_us[i] = target_us[i] == HAND_KEEP ? motion->position_us[i] : target_us[i];
    }
    motion->speed = speed;
}

bool hand_motion_step(hand_motion *motion, const hand_safety *safety)
{
    bool arrived = true;
    for (uint8_t i = 0; i < motion->joints; i++) {
        uint16_t at = motion->position_us[i];
        uint16_t target = motion->target_us[i];
        uint16_t step = (uint16_t)((uint32_t)safety->limits[i].rate_us * motion->speed / 100u);
        if (step == 0) {
            step = 1;
        }
        uint16_t wanted = target;
        if (target > at && target - at > step) {
            wanted = (uint16_t)(at + step);
        } else if (target < at && at - target > step) {
            wanted = (uint16_t)(at - step);
        }
        motion->position_us[i] = hand_safety_gate(safety, i, at, wanted);
        arrived = arrived && motion->position_us[i] == target;
    }
    return arrived;
}
