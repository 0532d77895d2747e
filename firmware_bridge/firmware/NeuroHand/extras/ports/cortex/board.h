/* All that a Cortex-M board adds to main.c and servo.c: one file with these, and a linker script. */
#ifndef BOARD_H
#define BOARD_H

#include "NeuroHand.h"

#include <stddef.h>

/* The line, 115200 8N1, and the pins, without pulses. Then servo_tick from an interrupt each millisecond, and a
 * watchdog that resets the board when it is not fed for 125 ms. Returns why the board started: enum hand_reset. */
uint8_t board_begin(uint8_t joints);

/* False when nothing was received. */
bool board_take(uint8_t *byte);

/* All of it or, where there is no room, nothing. */
void board_send(const uint8_t *bytes, uint8_t size);

/* HAND_INPUT_* levels. Called from interrupts too, and so is the next one. */
uint8_t board_inputs(void);

/* What the servo frame gets that begins within a millisecond, in microseconds; NULL: no pulse begins any more. */
void board_pulses(const uint16_t *us, uint8_t joints);

void board_feed_watchdog(void);

/* Until the next interrupt, unless something was received or servo_frame_due. May return at once. */
void board_doze(void);

#endif
