/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */
#include "hand_profile.h"

#define K HAND_KEEP

const hand_profile hand_profile_hand5 HAND_FLASH = {
    .name = "hand5",
    .joints = 5,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .stall_ms = 500,
    .battery_ms = 1000,
    .actions = 0x03FFul,
    .joint =
        {
            {1000, 2000, 25, 1200}, /* thumb */
            {1000, 2000, 25, 1200}, /* index */
            {1000, 2000, 25, 1200}, /* middle */
            {1000, 2000, 25, 1200}, /* ring */
            {1000, 2000, 25, 1200}, /* little */
        },
    .pose =
        {
            /* thumb, index, middle, ring, little */
            [HAND_ACTION_HOLD] = {K, K, K, K, K},
            [HAND_ACTION_REST] = {1200, 1200, 1200, 1200, 1200},
            [HAND_ACTION_OPEN] = {1000, 1000, 1000, 1000, 1000},
            [HAND_ACTION_REACH] = {1050, 1100, 1100, 1100, 1100},
            [HAND_ACTION_TOUCH] = {1450, 1500, 1500, 1500, 1500},
            [HAND_ACTION_GRIP] = {1800, 1850, 1850, 1850, 1850},
            [HAND_ACTION_LIFT] = {1800, 1850, 1850, 1850, 1850},
            [HAND_ACTION_REPLACE] = {1800, 1850, 1850, 1850, 1850},
            [HAND_ACTION_RELEASE] = {1000, 1000, 1000, 1000, 1000},
            [HAND_ACTION_FIST] = {2000, 2000, 2000, 2000, 2000},
        },
};
