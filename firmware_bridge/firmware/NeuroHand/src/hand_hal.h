/* All that a board has to provide. Called from within the functions of hand_protocol.h, in their context; none
 * of these may block. */
#ifndef HAND_HAL_H
#define HAND_HAL_H

#include <stdbool.h>
#include <stdint.h>

/* Levels of the inputs. */
#define HAND_INPUT_ESTOP 0x01u
#define HAND_INPUT_STALL 0x02u
#define HAND_INPUT_BATTERY_LOW 0x04u

typedef struct {
    void *context; /* given back to every function */

    /* HAND_FEATURE_*: what this board has, besides what the profile says of the hand. */
    uint8_t features;

    /* Pulse lengths in microseconds for the next servo frame; only called while outputs are attached,
     * and once just before they are. */
    void (*write_pulses)(void *context, const uint16_t *us, uint8_t joints);

    /* Connect the outputs to the servos, or leave them without any pulse. */
    void (*attach)(void *context, bool attached);

    /* Queue bytes for the host; drop them all when there is no room (the host tries again). */
    void (*transmit)(void *context, const uint8_t *bytes, uint8_t size);

    /* HAND_INPUT_* bits of the inputs that are active. They are levels, looked at once by each call of the core:
     * the board keeps a press of the emergency stop that may be shorter until then. 0 for an input that it lacks. */
    uint8_t (*inputs)(void *context);
} hand_hal;

#endif
