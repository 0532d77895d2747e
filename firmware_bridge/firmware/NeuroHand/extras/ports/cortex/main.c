/* The hand on a Cortex-M: the core with its board. */
#include "board.h"
#include "servo.h"

#define BYTES_AT_ONCE 16u /* then the clock, the inputs and the servo frame have their turn */

static void write_pulses(void *context, const uint16_t *us, uint8_t joints)
{
    (void)context;
    servo_stage(us, joints);
}

static void attach(void *context, bool attached)
{
    (void)context;
    servo_attach(attached);
}

static void transmit(void *context, const uint8_t *bytes, uint8_t size)
{
    (void)context;
    board_send(bytes, size);
}

static uint8_t inputs(void *context)
{
    (void)context;
    uint8_t kept = servo_take_press() ? HAND_INPUT_ESTOP : 0u;
    return board_inputs() | kept;
}

int main(void)
{
    static hand core;
    static const hand_hal hal = {
        .features = HAND_FEATURE_ESTOP_INPUT | HAND_FEATURE_STALL_INPUT | HAND_FEATURE_BATTERY_INPUT |
                    HAND_FEATURE_HARDWARE_WATCHDOG,
        .write_pulses = write_pulses,
        .attach = attach,
        .transmit = transmit,
        .inputs = inputs,
    };
    uint8_t joints = hand_profile_joints(&HAND_PROFILE);
    servo_begin(joints);
    hand_init(&core, &HAND_PROFILE, &hal, board_begin(joints));
    for (;;) {
        uint8_t byte;
        uint32_t now_ms = servo_now_ms();
        for (uint8_t i = 0; i < BYTES_AT_ONCE && board_take(&byte); i++) {
            hand_receive(&core, byte, now_ms);
        }
        hand_poll(&core, now_ms);
        if (servo_frame_due()) {
            hand_servo_frame(&core, now_ms);
            servo_frame_done();
            board_feed_watchdog(); /* here alone: a clock that stands still ends in a reset too */
        }
        board_doze();
    }
}
