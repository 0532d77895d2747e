/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */
#include "hand_profile.h"

#define K HAND_KEEP

const hand_profile hand_profile_hackberry HAND_FLASH = {
    .name = "hackberry",
    .joints = 3,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .stall_ms = 500,
    .battery_ms = 1000,
    .actions = 0x03FFul,
    .joint =
        {
            {950, 1965, 26, 1762}, /* index */
            {975, 1525, 14, 1415}, /* others */
            {1265, 2070, 21, 2070}, /* thumb */
        },
    .pose =
        {
            /* index, others, thumb */
            [HAND_ACTION_HOLD] = {K, K, K},
            [HAND_ACTION_REST] = {1762, 1415, 2070},
            [HAND_ACTION_OPEN] = {1965, 1525, 2070},
            [HAND_ACTION_REACH] = {1863, 1470, 2070},
            [HAND_ACTION_TOUCH] = {1457, 1250, 1265},
            [HAND_ACTION_GRIP] = {1102, 1057, 1265},
            [HAND_ACTION_LIFT] = {1102, 1057, 1265},
            [HAND_ACTION_REPLACE] = {1102, 1057, 1265},
            [HAND_ACTION_RELEASE] = {1965, 1525, 2070},
            [HAND_ACTION_FIST] = {950, 975, 1265},
        },
};
