/* Where the joints are and where they are going: one step a servo frame. */
#ifndef HAND_MOTION_H
#define HAND_MOTION_H

#include "hand_safety.h"

typedef struct {
    uint8_t joints;
    uint8_t speed; /* percent of the rate limit */
    uint16_t position_us[HAND_MAX_JOINTS];
    uint16_t target_us[HAND_MAX_JOINTS];
} hand_motion;

void hand_motion_init(hand_motion *motion, const hand_profile *profile);

/* Bring the position inside the limits; only while the outputs are detached. */
void hand_motion_settle(hand_motion *motion, const hand_safety *safety);

/* Targets in microseconds; HAND_KEEP leaves a joint where it is. */
bool hand_motion_is_elsewhere(const hand_motion *motion, const uint16_t *target_us);
void hand_motion_go(hand_motion *motion, const uint16_t *target_us, uint8_t speed);

/* One servo frame. True when every joint is at its target. */
bool hand_motion_step(hand_motion *motion, const hand_safety *safety);

#endif
