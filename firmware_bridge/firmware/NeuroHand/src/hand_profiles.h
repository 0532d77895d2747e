/* The profiles of this library. Made by `python -m neurograsp.firmware_bridge.profile_c`. */
#ifndef HAND_PROFILES_H
#define HAND_PROFILES_H

#include "hand_profile.h"

#define HAND_PROFILES(X) \
    X(arm) \
    X(gripper) \
    X(hackberry) \
    X(hand5) \
    X(inmoov)

#define HAND_PROFILE_DECLARE(name) extern const hand_profile hand_profile_##name;
HAND_PROFILES(HAND_PROFILE_DECLARE)

/* The one that a port takes: -DHAND_PROFILE=hand_profile_NAME, also of a profile that is not listed here. */
#ifndef HAND_PROFILE
#define HAND_PROFILE hand_profile_arm
#endif
extern const hand_profile HAND_PROFILE;

#endif
