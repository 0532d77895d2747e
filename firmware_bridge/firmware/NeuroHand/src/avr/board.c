#ifdef __AVR__

#include "board.h"

#include "../hand_protocol.h"
#include "chip.h"
#include "servo.h"
#include "uart.h"

#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#define BYTES_AT_ONCE 16u /* then the clock, the inputs and the servo frame have their turn */

static hand core;
static uint8_t why_started __attribute__((section(".noinit"))); /* MCUSR as it was */

/* Before anything else: after a watchdog reset the watchdog runs on, at its shortest. */
void neurohand_at_reset(void) __attribute__((naked, used, section(".init3")));
void neurohand_at_reset(void)
{
    why_started = MCUSR;
    MCUSR = 0;
    wdt_disable();
}

static uint8_t reset_cause(void)
{
    if ((why_started & _BV(PORF)) != 0) {
        return HAND_RESET_POWER_ON;
    }
    if ((why_started & _BV(WDRF)) != 0) {
        return HAND_RESET_WATCHDOG;
    }
    return (why_started & _BV(BORF)) != 0 ? HAND_RESET_BROWN_OUT : HAND_RESET_POWER_ON;
}

static const chip_pin stall_pin = CHIP_STALL;
static const chip_pin battery_pin = CHIP_BATTERY_LOW;

static void inputs_begin(void)
{
    const chip_pin estop_pin = CHIP_ESTOP;
    chip_pull_up(estop_pin);
    chip_pull_up(stall_pin);
    chip_pull_up(battery_pin);
}

static uint8_t inputs(void *context)
{
    (void)context;
    uint8_t bits = 0;
    if (servo_was_stopped() || chip_estop_pressed()) {
        bits |= HAND_INPUT_ESTOP;
    }
    if (!chip_is_high(stall_pin)) {
        bits |= HAND_INPUT_STALL;
    }
    if (!chip_is_high(battery_pin)) {
        bits |= HAND_INPUT_BATTERY_LOW;
    }
    return bits;
}

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
    uart_send(bytes, size);
}

void neurohand_begin(const hand_profile *profile)
{
    static const hand_hal hal = {
        .features = HAND_FEATURE_ESTOP_INPUT | HAND_FEATURE_STALL_INPUT | HAND_FEATURE_BATTERY_INPUT |
                    HAND_FEATURE_HARDWARE_WATCHDOG,
        .write_pulses = write_pulses,
        .attach = attach,
        .transmit = transmit,
        .inputs = inputs,
    };
    inputs_begin();
    hand_init(&core, profile, &hal, reset_cause());
    servo_begin(hand_profile_joints(profile));
    uart_begin();
    SMCR = SLEEP_MODE_IDLE | _BV(SE);
    wdt_enable(WDTO_120MS);
    sei();
}

/* Until the next interrupt: a byte, or the servo timer within 2.5 ms. */
static void doze(void)
{
    cli();
    if (uart_is_empty() && !servo_frame_due()) {
        sei();
        sleep_cpu(); /* no interrupt comes between these two */
    }
    sei();
}

void neurohand_run(void)
{
    uint8_t byte;
    uint32_t now_ms = servo_now_ms();
    for (uint8_t i = 0; i < BYTES_AT_ONCE && uart_take(&byte); i++) {
        hand_receive(&core, byte, now_ms);
    }
    hand_poll(&core, now_ms);
    if (servo_frame_due()) {
        hand_servo_frame(&core, now_ms);
        servo_frame_done();
        wdt_reset(); /* here alone: a clock that stands still ends in a reset too */
    }
    doze();
}

#endif
