/* Made by `neurograsp hand profile` from a TOML file: change that, not this. */
#include "hand_profile.h"

#define K HAND_KEEP

const hand_profile hand_profile_inmoov HAND_FLASH = {
    .name = "inmoov",
    .joints = 6,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .stall_ms = 500,
    .battery_ms = 1000,
    .actions = 0xC3FFul,
    .joint =
        {
            {1195, 1855, 14, 1195}, /* thumb */
            {710, 2030, 27, 710}, /* index */
            {1185, 2175, 20, 1185}, /* middle */
            {1140, 1940, 16, 1140}, /* ring */
            {995, 2135, 23, 995}, /* little */
            {810, 2130, 14, 1470}, /* rotation */
        },
    .pose =
        {
            /* thumb, index, middle, ring, little, rotation */
            [HAND_ACTION_HOLD] = {K, K, K, K, K, K},
            [HAND_ACTION_REST] = {1327, 974, 1383, 1300, 1223, 1470},
            [HAND_ACTION_OPEN] = {1195, 710, 1185, 1140, 995, K},
            [HAND_ACTION_REACH] = {1228, 842, 1284, 1220, 1109, 1470},
            [HAND_ACTION_TOUCH] = {1492, 1238, 1631, 1460, 1565, K},
            [HAND_ACTION_GRIP] = {1710, 1528, 1888, 1604, 1896, K},
            [HAND_ACTION_LIFT] = {1710, 1528, 1888, 1604, 1896, K},
            [HAND_ACTION_REPLACE] = {1710, 1528, 1888, 1604, 1896, K},
            [HAND_ACTION_RELEASE] = {1195, 710, 1185, 1140, 995, 1470},
            [HAND_ACTION_FIST] = {1855, 2030, 2175, 1940, 2135, K},
            [HAND_ACTION_WRIST_PRONATE] = {K, K, K, K, K, 1998},
            [HAND_ACTION_WRIST_SUPINATE] = {K, K, K, K, K, 942},
        },
};
