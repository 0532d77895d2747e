/* All that a board has to provide. Called from within the functions of hand_protocol.h, in their context; none
 * of these may block. */
#ifndef HAND_HAL_H
#define HAND_HAL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    void *context; /* given back to every function */

    /* Pulse lengths in microseconds for the next servo frame; only called while outputs are attached,
     * and once just before they are. */
    void (*write_pulses)(void *context, const uint16_t *us, uint8_t joints);

    /* Connect the outputs to the servos, or leave them without any pulse. */
    void (*attach)(void *context, bool attached);

    /* Queue bytes for the host; drop them all when there is no room (the host tries again). */
    void (*transmit)(void *context, const uint8_t *bytes, uint8_t size);

    /* True while the emergency stop input is active. It is a level, looked at by each call of the core: the
     * board keeps a press that may be shorter until then. A board without the input returns false. */
    bool (*estop_pressed)(void *context);
} hand_hal;

#endif
