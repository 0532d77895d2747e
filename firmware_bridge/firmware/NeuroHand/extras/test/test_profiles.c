#include "test_profiles.h"

/* Numbers just out of range, and actions that do not exist: the core must keep to what is possible. */
static const hand_profile wild_profile = {
    .name = "fifteen letters",
    .joints = 1,
    .watchdog_ms = HAND_WATCHDOG_MIN_MS - 1u,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .actions = 0xA55A0000ul | 1ul << HAND_ACTION_FIST,
    .joint = {{HAND_PULSE_MIN_US - 1u, HAND_PULSE_MAX_US + 1u, 65535, 65535}},
    .pose = {[HAND_ACTION_FIST] = {1}},
};

/* Limits the wrong way round and out of range, too many joints, a watchdog that bites too late. */
static const hand_profile swapped_profile = {
    .name = "swapped",
    .joints = 9,
    .watchdog_ms = HAND_WATCHDOG_MAX_MS + 1u,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .joint = {{10000, 2000, 33, 1250}, {1000, 200, 33, 1250}, {2000, 1000, 33, 1250},
              {600, 2400, 33, 1500}, {600, 2400, 33, 1500}, {600, 2400, 33, 1500},
              {600, 2400, 33, 1500}, {600, 2400, 33, 1500}},
    .actions = 1ul << HAND_ACTION_FIST,
    .pose = {[HAND_ACTION_FIST] = {2400, 1000, 2000, 1533, 1533, 1533, 1533, 1533}},
};

#define ONE_FINGER                                             \
    .joints = 1, .watchdog_ms = 250, .max_ttl_ms = 10000,      \
    .actions = 1ul << HAND_ACTION_FIST, .joint = {{1000, 2000, 33, 1250}}, \
    .pose = {[HAND_ACTION_FIST] = {2000}}

/* Lets go at once; watches neither stall nor battery. */
static const hand_profile limp_profile = {.name = "limp", .limp_ms = 0, ONE_FINGER};

/* Never lets go. */
static const hand_profile firm_profile = {
    .name = "firm", .limp_ms = HAND_LIMP_NEVER, .stall_ms = 500, .battery_ms = 1000, ONE_FINGER};

/* That of the model (extras/model): its times are a few servo frames, its positions a few steps. */
static const hand_profile model_profile = {
    .name = "model",
    .joints = 1,
    .watchdog_ms = 5 * HAND_FRAME_MS,
    .limp_ms = 2 * HAND_FRAME_MS,
    .max_ttl_ms = 10000,
    .stall_ms = 2 * HAND_FRAME_MS,
    .battery_ms = 3 * HAND_FRAME_MS,
    .joint = {{1000, 2000, 33, 1250}},
};

#define LISTED(name) &hand_profile_##name,
const hand_profile *const test_profiles[] = {
    &hand_profile_arm, &wild_profile, &swapped_profile, &limp_profile, &firm_profile, &model_profile,
    HAND_PROFILES(LISTED)
};

const uint8_t test_profiles_count = sizeof test_profiles / sizeof test_profiles[0];
