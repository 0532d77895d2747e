/* Arm's board MPS2 with a Cortex-M3 (AN385), which QEMU models without pins.
 *
 * UART0 is the line to the host. UART1 stands for the pins: a byte that it receives is the HAND_INPUT_* levels
 * from then on, and each servo frame it sends a frame of the wire's format with what the servos get: type
 * PINS, payload its beginning u32 in us since the clock was started, then a pulse u16 in us for each joint, 0
 * where there is none. */
#include "board.h"

#include "cortex_m.h"
#include "servo.h"
#include "uart.h"

#define CLOCK_HZ 25000000u
#define BAUD_RATE 115200u
#define PINS 0x70u
#define PINS_DIVISOR 16u /* the fastest */

#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_RUN 0x7u /* with the core's clock and the interrupt */

#define WATCHDOG_LOAD REGISTER(0x40008000u)
#define WATCHDOG_CONTROL REGISTER(0x40008008u)
#define WATCHDOG_CLEAR REGISTER(0x4000800Cu)
#define WATCHDOG_LOCK REGISTER(0x40008C00u)
#define WATCHDOG_UNLOCK 0x1ACCE551u
#define WATCHDOG_RUN 0x3u /* first an NMI, as much later a reset */
#define WATCHDOG_HALF_MS 62u

#define NOTE_WATCHDOG 0x57415443u
extern uint32_t reset_note; /* survives a reset: mps2.ld */

static uart line;
static uart pins;
static volatile uint8_t levels;

static uint8_t reset_cause(void)
{
    bool watchdog = reset_note == NOTE_WATCHDOG;
    reset_note = 0;
    return watchdog ? HAND_RESET_WATCHDOG : HAND_RESET_POWER_ON;
}

uint8_t board_begin(uint8_t joints)
{
    (void)joints;
    WATCHDOG_LOCK = WATCHDOG_UNLOCK;
    WATCHDOG_LOAD = WATCHDOG_HALF_MS * (CLOCK_HZ / 1000u);
    WATCHDOG_CONTROL = WATCHDOG_RUN;
    uart_begin(&line, UART0, CLOCK_HZ / BAUD_RATE);
    uart_begin(&pins, UART1, PINS_DIVISOR);
    SYSTICK_RELOAD = CLOCK_HZ / 1000u - 1u;
    SYSTICK_CONTROL = SYSTICK_RUN;
    NVIC_ENABLE = 1u << UART0_RECEIVED | 1u << UART0_SENT | 1u << UART1_RECEIVED | 1u << UART1_SENT;
    return reset_cause();
}

bool board_take(uint8_t *byte)
{
    if (ring_count(&line.received) == 0) {
        return false;
    }
    *byte = ring_take(&line.received);
    return true;
}

void board_send(const uint8_t *bytes, uint8_t size)
{
    uart_send(&line, bytes, size);
}

uint8_t board_inputs(void)
{
    return levels;
}

static void put16(hand_frame *frame, uint32_t value)
{
    frame->payload[frame->size++] = (uint8_t)value;
    frame->payload[frame->size++] = (uint8_t)(value >> 8);
}

void board_pulses(const uint16_t *us, uint8_t joints)
{
    hand_frame frame = {.version = HAND_VERSION, .type = PINS};
    uint8_t bytes[HAND_FRAME_MAX];
    uint32_t at_us = (servo_now_ms() + SERVO_TAKEN_UP_MS) * 1000u;
    put16(&frame, at_us);
    put16(&frame, at_us >> 16);
    for (uint8_t i = 0; i < joints; i++) {
        put16(&frame, us == NULL ? 0 : us[i]);
    }
    uart_send(&pins, bytes, hand_frame_encode(&frame, bytes));
}

void board_feed_watchdog(void)
{
    WATCHDOG_CLEAR = 1;
}

void board_doze(void)
{
    /* QEMU's clock of instructions, which the tests go by, is not exact over a sleep. */
}

static void on_watchdog(void)
{
    reset_note = NOTE_WATCHDOG;
    stuck();
}

static void on_line_received(void)
{
    uart_on_received(&line);
}

static void on_line_sent(void)
{
    uart_on_sent(&line);
}

static void on_pins_received(void)
{
    uart_on_received(&pins);
    levels = ring_take(&pins.received);
}

static void on_pins_sent(void)
{
    uart_on_sent(&pins);
}

static const struct {
    const uint32_t *stack;
    void (*handlers[19])(void);
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    {
        start,
        on_watchdog, /* NMI */
        stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck,
        servo_tick,
        on_line_received,
        on_line_sent,
        on_pins_received,
        on_pins_sent,
    },
};
