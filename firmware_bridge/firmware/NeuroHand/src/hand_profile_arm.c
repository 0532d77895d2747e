/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */
#include "hand_profile.h"

#define K HAND_KEEP

const hand_profile hand_profile_arm HAND_FLASH = {
    .name = "arm",
    .joints = 7,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .stall_ms = 500,
    .battery_ms = 1000,
    .actions = 0xCFFFul,
    .joint =
        {
            {1000, 2000, 33, 1250}, /* thumb */
            {1000, 2000, 33, 1250}, /* index */
            {1000, 2000, 33, 1250}, /* middle */
            {1000, 2000, 33, 1250}, /* ring */
            {1000, 2000, 33, 1250}, /* little */
            {1000, 2000, 33, 1500}, /* flexion */
            {1000, 2000, 33, 1500}, /* rotation */
        },
    .pose =
        {
            /* thumb, index, middle, ring, little, flexion, rotation */
            [HAND_ACTION_HOLD] = {K, K, K, K, K, K, K},
            [HAND_ACTION_REST] = {1250, 1250, 1250, 1250, 1250, 1500, 1500},
            [HAND_ACTION_OPEN] = {1000, 1000, 1000, 1000, 1000, K, K},
            [HAND_ACTION_REACH] = {1050, 1100, 1100, 1100, 1100, 1450, 1500},
            [HAND_ACTION_TOUCH] = {1450, 1500, 1500, 1500, 1500, 1450, 1500},
            [HAND_ACTION_GRIP] = {1800, 1850, 1850, 1850, 1850, 1450, 1500},
            [HAND_ACTION_LIFT] = {1800, 1850, 1850, 1850, 1850, 1750, 1500},
            [HAND_ACTION_REPLACE] = {1800, 1850, 1850, 1850, 1850, 1450, 1500},
            [HAND_ACTION_RELEASE] = {1000, 1000, 1000, 1000, 1000, 1500, 1500},
            [HAND_ACTION_FIST] = {2000, 2000, 2000, 2000, 2000, K, K},
            [HAND_ACTION_WRIST_FLEX] = {K, K, K, K, K, 1900, K},
            [HAND_ACTION_WRIST_EXTEND] = {K, K, K, K, K, 1100, K},
            [HAND_ACTION_WRIST_PRONATE] = {K, K, K, K, K, K, 1900},
            [HAND_ACTION_WRIST_SUPINATE] = {K, K, K, K, K, K, 1100},
        },
};
