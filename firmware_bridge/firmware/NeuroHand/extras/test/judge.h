/* A hand that is watched: the core on a board made of variables, with every byte, pulse and switching of the
 * outputs held against docs/protocol.md. The judge knows what went in and what came out; of the core's own
 * memory it reads the state and the limits in force.
 *
 * What it finds wrong is counted, and the first of it kept in words. */
#ifndef JUDGE_H
#define JUDGE_H

#include "NeuroHand.h"

#define JUDGE_TX_MAX 65536u

/* An input, and since when the hand has been able to see it active. */
typedef struct {
    bool active;
    uint32_t from_ms;
} judge_lasting;

typedef struct {
    hand core;
    hand_hal hal;
    const hand_profile *profile;
    uint8_t inputs; /* HAND_INPUT_* levels: to be set by the test between calls */
    uint8_t looks;  /* at them, in this call */
    uint32_t now_ms;
    uint32_t faults;
    const char *first_fault; /* NULL: none */

    /* The outputs. */
    bool attached;
    bool in_servo_frame;
    bool primed; /* pulses are there for outputs that are about to be attached */
    bool moved;  /* a pulse changed in this call */
    uint8_t writes; /* in this call */
    uint16_t us[HAND_MAX_JOINTS];
    uint32_t switched;

    /* The line. */
    hand_decoder heard;
    hand_decoder said;
    bool asked;    /* a request came in this call */
    bool answered;
    bool accepted; /* it was new, and not refused */
    hand_frame request;
    hand_frame answer;
    hand_frame last; /* the last request that used up its seq */
    uint8_t session;
    uint8_t beat_seq;
    bool beat_seen;

    /* What has to stop the hand. */
    uint8_t state; /* after the last call */
    bool renewed;  /* a session began since the latch closed */
    bool pressed;  /* the emergency stop, at the last look */
    uint32_t talked_ms;
    uint32_t commanded_ms;
    uint32_t latched_ms;
    uint16_t ttl_ms;
    judge_lasting stall;
    judge_lasting battery_low;

    uint32_t tx_size;
    uint8_t tx[JUDGE_TX_MAX]; /* what the hand has sent and nobody taken */
} judge;

/* Power-up, or a restart of the microcontroller (enum hand_reset): inputs inactive, nothing found wrong. */
void judge_start(judge *self, const hand_profile *profile, uint8_t reset);

/* As those of hand_protocol.h. */
void judge_receive(judge *self, uint8_t byte, uint32_t now_ms);
void judge_poll(judge *self, uint32_t now_ms);
void judge_servo_frame(judge *self, uint32_t now_ms);

/* ARMED, MOVING or HOLD. */
bool judge_armed(uint8_t state);

#endif
