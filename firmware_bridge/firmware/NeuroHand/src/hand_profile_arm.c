/* Five fingers and a two-axis wrist, a servo each: 1000 us open, 2000 us closed, wrist neutral at 1500 us.
 * Full travel takes 31 servo frames (0.62 s). No sideways wrist axis, so WRIST_RADIAL and WRIST_ULNAR are
 * not among its actions. */
#include "hand_profile.h"

#define K HAND_KEEP
#define JOINT(rest) {1000, 2000, 33, rest}

const hand_profile hand_profile_arm HAND_FLASH = {
    .name = "arm",
    .joints = 7,
    .features = HAND_FEATURE_ESTOP_INPUT,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .actions = 0xFFFFu & ~((1ul << HAND_ACTION_WRIST_RADIAL) | (1ul << HAND_ACTION_WRIST_ULNAR)),
    .joint =
        {
            JOINT(1250), JOINT(1250), JOINT(1250), JOINT(1250), JOINT(1250), /* thumb .. little */
            JOINT(1500), JOINT(1500),                                        /* wrist flexion, rotation */
        },
    .pose =
        {
            /*                            thumb index middle ring little flexion rotation */
            [HAND_ACTION_HOLD] =           {K, K, K, K, K, K, K},
            [HAND_ACTION_REST] =           {1250, 1250, 1250, 1250, 1250, 1500, 1500},
            [HAND_ACTION_OPEN] =           {1000, 1000, 1000, 1000, 1000, K, K},
            [HAND_ACTION_REACH] =          {1050, 1100, 1100, 1100, 1100, 1450, 1500},
            [HAND_ACTION_TOUCH] =          {1450, 1500, 1500, 1500, 1500, 1450, 1500},
            [HAND_ACTION_GRIP] =           {1800, 1850, 1850, 1850, 1850, 1450, 1500},
            [HAND_ACTION_LIFT] =           {1800, 1850, 1850, 1850, 1850, 1750, 1500},
            [HAND_ACTION_REPLACE] =        {1800, 1850, 1850, 1850, 1850, 1450, 1500},
            [HAND_ACTION_RELEASE] =        {1000, 1000, 1000, 1000, 1000, 1500, 1500},
            [HAND_ACTION_FIST] =           {2000, 2000, 2000, 2000, 2000, K, K},
            [HAND_ACTION_WRIST_FLEX] =     {K, K, K, K, K, 1900, K},
            [HAND_ACTION_WRIST_EXTEND] =   {K, K, K, K, K, 1100, K},
            [HAND_ACTION_WRIST_PRONATE] =  {K, K, K, K, K, K, 1900},
            [HAND_ACTION_WRIST_SUPINATE] = {K, K, K, K, K, K, 1100},
        },
};
