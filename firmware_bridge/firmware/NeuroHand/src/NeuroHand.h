/* What a sketch or a port includes. */
#ifndef NEUROHAND_H
#define NEUROHAND_H

#ifdef __cplusplus
extern "C" {
#endif

#include "hand_codes.h"
#include "hand_frames.h"
#include "hand_hal.h"
#include "hand_motion.h"
#include "hand_profile.h"
#include "hand_profiles.h"
#include "hand_protocol.h"
#include "hand_safety.h"

#ifdef __AVR__
#include "avr/board.h"
#endif

#ifdef __cplusplus
}
#endif

#endif
