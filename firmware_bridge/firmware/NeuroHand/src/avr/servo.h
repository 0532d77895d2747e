/* Servo pulses and the board's clock: both come from timer 1.
 *
 * A servo frame of 20 ms has eight slots of 2.5 ms, one joint's pulse in each. Pulses that were staged are taken
 * up at the start of a frame, all of them at once. A frame's work is due 1.25 ms before that; 2.5 ms where the
 * last slot has a joint. */
#ifndef HAND_AVR_SERVO_H
#define HAND_AVR_SERVO_H

#include <stdbool.h>
#include <stdint.h>

/* Outputs low, no pulses yet. */
void servo_begin(uint8_t joints);

/* Milliseconds since servo_begin; wraps. */
uint32_t servo_now_ms(void);

/* True from when a frame's work is due until it is done. */
bool servo_frame_due(void);

/* The work is done: what it staged is all that this frame gets. Pulses end when two in a row were not done: nobody
 * is there who could stop them. */
void servo_frame_done(void);

/* True when the emergency stop was pressed as a slot began, since the last call; then it has ended the pulses. It
 * is looked at there so that no pulse begins from then on, whoever runs the hand, and so that a press of 2.5 ms is
 * never missed. */
bool servo_was_stopped(void);

/* Microseconds, for the next frame. */
void servo_stage(const uint16_t *us, uint8_t joints);

/* Pulses from the next frame on, or none after the one under way, which ends as it should. */
void servo_attach(bool attached);

#endif
