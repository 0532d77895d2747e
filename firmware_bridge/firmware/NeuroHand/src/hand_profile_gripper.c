/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */
#include "hand_profile.h"

#define K HAND_KEEP

const hand_profile hand_profile_gripper HAND_FLASH = {
    .name = "gripper",
    .joints = 1,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .stall_ms = 500,
    .battery_ms = 1000,
    .actions = 0x0327ul,
    .joint =
        {
            {1000, 2000, 20, 1000}, /* jaw */
        },
    .pose =
        {
            /* jaw */
            [HAND_ACTION_HOLD] = {K},
            [HAND_ACTION_REST] = {1000},
            [HAND_ACTION_OPEN] = {1000},
            [HAND_ACTION_GRIP] = {1800},
            [HAND_ACTION_RELEASE] = {1000},
            [HAND_ACTION_FIST] = {2000},
        },
};
