/* Hands for tests: sane ones, and some that no one should build. */
#ifndef TEST_PROFILES_H
#define TEST_PROFILES_H

#include "hand_profiles.h"

/* 0: arm; 1: every number out of range; 2: limits the wrong way round, too many joints; 3: lets go at once;
 * 4: never lets go; 5: the model's; then all that ship. */
extern const hand_profile *const test_profiles[];
extern const uint8_t test_profiles_count;

#endif
