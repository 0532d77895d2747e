/* Servo frames and the board's clock, counted in ticks of a millisecond.
 *
 * A frame's work is due 2 ms before the next frame begins, and is taken up 1 ms before it, all joints at once. */
#ifndef SERVO_H
#define SERVO_H

#include <stdbool.h>
#include <stdint.h>

/* A frame begins with the tick whose number is a multiple of HAND_FRAME_MS. */
#define SERVO_WORK_MS 2u
#define SERVO_TAKEN_UP_MS 1u

void servo_begin(uint8_t joints);

/* From the board's interrupt. */
void servo_tick(void);

/* Milliseconds since servo_begin; wraps. */
uint32_t servo_now_ms(void);

/* True from when this frame's work is due until it is done, or is too late. */
bool servo_frame_due(void);

/* The work is done: what it staged is all that this frame gets. Pulses end when two in a row were not done: nobody
 * is there who could stop them. */
void servo_frame_done(void);

/* Microseconds, for the next frame. */
void servo_stage(const uint16_t *us, uint8_t joints);

/* True if the emergency stop was pressed at a tick since this was last asked. */
bool servo_take_press(void);

/* Pulses from the next frame on, or none after those under way. */
void servo_attach(bool attached);

#endif
