/* What differs from one AVR to the next: pins and the names of interrupts. A new chip: one header like these two,
 * and a line here. */
#ifndef HAND_AVR_CHIP_H
#define HAND_AVR_CHIP_H

#include <avr/io.h>
#include <stdbool.h>
#include <stdint.h>

/* On all of these chips DDR and PIN lie right below PORT. */
typedef struct {
    volatile uint8_t *port;
    uint8_t mask;
} chip_pin;

#if defined(__AVR_ATmega328P__)
#include "chip_atmega328p.h"
#elif defined(__AVR_ATmega2560__)
#include "chip_atmega2560.h"
#else
#error "NeuroHand has no pin table for this chip: see docs/porting-a-board.md"
#endif

static inline void chip_pull_up(chip_pin pin)
{
    pin.port[-1] &= (uint8_t)~pin.mask;
    pin.port[0] |= pin.mask;
}

static inline bool chip_is_high(chip_pin pin)
{
    return (pin.port[-2] & pin.mask) != 0;
}

/* A switch that opens, to ground: a cut wire, too, is a press. */
static inline bool chip_estop_pressed(void)
{
    const chip_pin pin = CHIP_ESTOP;
    return chip_is_high(pin);
}

#endif
