/* Sessions, sequence numbers, messages and answers; ties frames, safety and motion together.
 *
 * A port calls hand_init once, hand_receive for every byte that arrives, hand_poll often (every few
 * milliseconds), and hand_servo_frame once every HAND_FRAME_MS, in step with the servo pulses. All four from
 * one context, the main loop, and none from an interrupt: nothing here is locked. An interrupt that makes the
 * servo pulses only takes what write_pulses has left for it, one that receives only queues bytes. */
#ifndef HAND_PROTOCOL_H
#define HAND_PROTOCOL_H

#include "hand_frames.h"
#include "hand_hal.h"
#include "hand_motion.h"
#include "hand_safety.h"

#define HAND_STATE_PERIOD_MS 50u

/* Why the board started. */
enum hand_reset {
    HAND_RESET_POWER_ON = 0,
    HAND_RESET_WATCHDOG = 1,
    HAND_RESET_BROWN_OUT = 2
};

typedef struct {
    const hand_profile *profile;
    const hand_hal *hal;
    hand_decoder decoder;
    hand_safety safety;
    hand_motion motion;

    uint8_t session; /* 0: none yet */
    uint8_t last_seq;
    uint16_t last_crc;
    uint8_t beat_seq;
    bool beat_seen;
    hand_frame reply; /* answer to the last request, kept for its duplicates */

    uint8_t inputs; /* HAND_INPUT_* at the last look */
    uint8_t action;
    uint8_t sent_seq;
    uint32_t state_sent_ms;
    uint8_t shown_state;
    bool shown_attached;
    uint16_t duplicates;
    uint16_t refusals;
    uint8_t reset_flag; /* HAND_FLAG_WATCHDOG_RESET, HAND_FLAG_BROWN_OUT_RESET, or 0 */
} hand;

void hand_init(hand *self, const hand_profile *profile, const hand_hal *hal, uint8_t reset);
void hand_receive(hand *self, uint8_t byte, uint32_t now_ms);
void hand_poll(hand *self, uint32_t now_ms);
void hand_servo_frame(hand *self, uint32_t now_ms);

#endif
