/* What a particular hand is: joints, limits, poses, policy. Constant data that stays in flash. */
#ifndef HAND_PROFILE_H
#define HAND_PROFILE_H

#include "hand_codes.h"

#include <stdint.h>

#ifdef __AVR__
#include <avr/pgmspace.h>
#define HAND_FLASH PROGMEM
#define HAND_FLASH_U8(field) pgm_read_byte(&(field))
#define HAND_FLASH_U16(field) pgm_read_word(&(field))
#define HAND_FLASH_U32(field) pgm_read_dword(&(field))
#else
#define HAND_FLASH
#define HAND_FLASH_U8(field) (field)
#define HAND_FLASH_U16(field) (field)
#define HAND_FLASH_U32(field) (field)
#endif

#define HAND_MAX_JOINTS 8u
#define HAND_NAME_MAX 15u
#define HAND_FRAME_MS 20u       /* servo frame: one motion step */
#define HAND_PULSE_MIN_US 600u  /* no profile may go beyond these limits */
#define HAND_PULSE_MAX_US 2400u
#define HAND_WATCHDOG_MIN_MS 100u
#define HAND_WATCHDOG_MAX_MS 1000u
#define HAND_KEEP 0u            /* in a pose: leave this joint where it is */
#define HAND_LIMP_NEVER 0xFFFFu /* as limp_ms: keep holding */

typedef struct {
    uint16_t min_us;
    uint16_t max_us;
    uint16_t rate_us; /* largest change in one servo frame */
    uint16_t rest_us; /* first pulse after power-up */
} hand_joint;

typedef struct {
    char name[HAND_NAME_MAX + 1u];
    uint8_t joints;
    uint8_t features;     /* HAND_FEATURE_FORCE, HAND_FEATURE_FEEDBACK */
    uint16_t watchdog_ms; /* silence of the host that stops the hand */
    uint16_t limp_ms;     /* from that stop to outputs detached; 0: at once; HAND_LIMP_NEVER */
    uint16_t max_ttl_ms;
    uint16_t stall_ms;   /* a stall that lasts so long lets go at once; 0: the input is not watched */
    uint16_t battery_ms; /* a low battery that lasts so long stops the hand; 0: the input is not watched */
    uint32_t actions; /* bit n: action n has a pose */
    hand_joint joint[HAND_MAX_JOINTS];
    uint16_t pose[HAND_ACTIONS][HAND_MAX_JOINTS];
} hand_profile;

/* A profile may be wrong; these two are what is in force. */
static inline uint8_t hand_profile_joints(const hand_profile *profile)
{
    uint8_t joints = HAND_FLASH_U8(profile->joints);
    return joints > HAND_MAX_JOINTS ? HAND_MAX_JOINTS : joints;
}

static inline uint16_t hand_profile_watchdog_ms(const hand_profile *profile)
{
    uint16_t watchdog_ms = HAND_FLASH_U16(profile->watchdog_ms);
    if (watchdog_ms < HAND_WATCHDOG_MIN_MS) {
        return HAND_WATCHDOG_MIN_MS;
    }
    return watchdog_ms > HAND_WATCHDOG_MAX_MS ? HAND_WATCHDOG_MAX_MS : watchdog_ms;
}

#endif
