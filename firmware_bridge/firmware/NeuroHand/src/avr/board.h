/* A hand on an AVR: the core with its board, in two calls. */
#ifndef HAND_AVR_BOARD_H
#define HAND_AVR_BOARD_H

#include "../hand_profile.h"

/* Once, at the start. Takes timer 1, USART 0, the hardware watchdog and the pins of chip.h. */
void neurohand_begin(const hand_profile *profile);

/* Over and over. A servo frame that comes late loses its step; after 40 ms the pulses end, after 125 ms the
 * watchdog resets the chip. */
void neurohand_run(void);

#endif
