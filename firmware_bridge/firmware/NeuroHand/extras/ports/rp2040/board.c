/* RP2040: Raspberry Pi Pico and its like, with a crystal of 12 MHz.
 *
 *   GPIO 0, 1     the line: sends, receives
 *   GPIO 2 to 9   servos
 *   GPIO 10       emergency stop: a switch that opens, to ground; a cut wire, too, is a press
 *   GPIO 11, 12   stall, battery low: pulled to ground when active
 *
 * Everything runs from the crystal, without a PLL. The PWM counts microseconds, and takes a new pulse length when
 * its count of 20 ms begins anew. Slice 7 has no pin: it makes the ticks. */
#include "board.h"

#include "cortex_m.h"
#include "servo.h"
#include "uart.h"

#define MHZ 12u

#define CLEAR 0x3000u /* alias of a register: bits written are zeroed */

#define CLOCK_REF_CONTROL REGISTER(0x40008030u)
#define CLOCK_REF_SELECTED REGISTER(0x40008038u)
#define CLOCK_PERI_CONTROL REGISTER(0x40008048u)
#define CLOCK_REF_CRYSTAL 2u
#define CLOCK_PERI_ON (1u << 11)

#define CRYSTAL_CONTROL REGISTER(0x40024000u)
#define CRYSTAL_STATUS REGISTER(0x40024004u)
#define CRYSTAL_STARTUP REGISTER(0x4002400Cu)
#define CRYSTAL_ON (0xFABu << 12 | 0xAA0u)
#define CRYSTAL_STABLE (1u << 31)
#define CRYSTAL_STARTUP_MS 10u /* some boards' crystals are slow */

#define RESETS_CLEAR REGISTER(0x4000C000u + CLEAR)
#define RESETS_DONE REGISTER(0x4000C008u)
#define NEEDED (1u << 5 | 1u << 8 | 1u << 14 | 1u << 22) /* IO bank, its pads, PWM, UART 0 */

#define RESTART_BY_WATCHDOG REGISTER(0x40010008u)
#define ALL_BUT_OSCILLATORS 0x1FFFCu
#define WATCHDOG_CONTROL REGISTER(0x40058000u)
#define WATCHDOG_LOAD REGISTER(0x40058004u)
#define WATCHDOG_REASON REGISTER(0x40058008u)
#define WATCHDOG_TICK REGISTER(0x4005802Cu)
#define WATCHDOG_RUN (1u << 30)
#define WATCHDOG_TICK_RUN (1u << 9)
#define WATCHDOG_US 125000u
#define WATCHDOG_PER_US 2u /* it counts each tick twice: erratum RP2040-E1 */

#define PIN_CONTROL(pin) REGISTER(0x40014004u + 8u * (pin))
#define PAD(pin) REGISTER(0x4001C004u + 4u * (pin))
#define PIN_LEVELS REGISTER(0xD0000004u)
#define FUNCTION_UART 2u
#define FUNCTION_PWM 4u
#define FUNCTION_IO 5u
#define PAD_INPUT_PULL_UP 0x5Au

#define PIN_SEND 0u
#define PIN_RECEIVE 1u
#define PIN_SERVO 2u /* the first; an even one */
#define PIN_ESTOP 10u
#define PIN_STALL 11u
#define PIN_BATTERY 12u

#define PWM(slice, offset) REGISTER(0x40050000u + 0x14u * (slice) + (offset))
#define PWM_DIVISOR(slice) PWM(slice, 0x04u)
#define PWM_PULSES(slice) PWM(slice, 0x0Cu)
#define PWM_TOP(slice) PWM(slice, 0x10u)
#define PWM_RUN REGISTER(0x400500A0u)
#define PWM_INTERRUPT_CLEAR REGISTER(0x400500A4u)
#define PWM_INTERRUPTS REGISTER(0x400500A8u)
#define PWM_INTERRUPT 4u
#define SERVO_SLICE (PIN_SERVO / 2u) /* the first; two joints in each */
#define SERVO_SLICES (HAND_MAX_JOINTS / 2u)
#define TICK_SLICE 7u

static void begin_clocks(void)
{
    CRYSTAL_STARTUP = CRYSTAL_STARTUP_MS * MHZ * 1000u / 256u + 1u;
    CRYSTAL_CONTROL = CRYSTAL_ON;
    while ((CRYSTAL_STATUS & CRYSTAL_STABLE) == 0) {
    }
    CLOCK_REF_CONTROL = CLOCK_REF_CRYSTAL; /* and with it the processor's */
    while ((CLOCK_REF_SELECTED & 1u << CLOCK_REF_CRYSTAL) == 0) {
    }
    CLOCK_PERI_CONTROL = CLOCK_PERI_ON;
    RESETS_CLEAR = NEEDED;
    while ((RESETS_DONE & NEEDED) != NEEDED) {
    }
}

static void begin_watchdog(void)
{
    RESTART_BY_WATCHDOG = ALL_BUT_OSCILLATORS;
    WATCHDOG_TICK = WATCHDOG_TICK_RUN | MHZ;
    board_feed_watchdog();
    WATCHDOG_CONTROL = WATCHDOG_RUN;
}

static void begin_pins(void)
{
    for (uint32_t pin = PIN_ESTOP; pin <= PIN_BATTERY; pin++) {
        PAD(pin) = PAD_INPUT_PULL_UP;
        PIN_CONTROL(pin) = FUNCTION_IO;
    }
    PAD(PIN_RECEIVE) = PAD_INPUT_PULL_UP;
    PIN_CONTROL(PIN_RECEIVE) = FUNCTION_UART;
    PIN_CONTROL(PIN_SEND) = FUNCTION_UART;
}

static void begin_pwm(void)
{
    uint32_t run = 1u << TICK_SLICE;
    for (uint32_t slice = SERVO_SLICE; slice < SERVO_SLICE + SERVO_SLICES; slice++) {
        PWM_DIVISOR(slice) = MHZ << 4;
        PWM_PULSES(slice) = 0;
        PWM_TOP(slice) = HAND_FRAME_MS * 1000u - 1u;
        run |= 1u << slice;
    }
    PWM_DIVISOR(TICK_SLICE) = MHZ << 4;
    PWM_TOP(TICK_SLICE) = 1000u - 1u;
    PWM_INTERRUPTS = 1u << TICK_SLICE;
    PWM_RUN = run;
}

uint8_t board_begin(uint8_t joints)
{
    (void)joints;
    uint8_t reset = WATCHDOG_REASON != 0 ? HAND_RESET_WATCHDOG : HAND_RESET_POWER_ON;
    begin_clocks();
    begin_watchdog();
    begin_pins();
    uart_begin(MHZ * 1000000u * 4u / 115200u);
    begin_pwm();
    NVIC_ENABLE = 1u << PWM_INTERRUPT | 1u << UART_INTERRUPT;
    return reset;
}

bool board_take(uint8_t *byte)
{
    return uart_take(byte);
}

void board_send(const uint8_t *bytes, uint8_t size)
{
    uart_send(bytes, size);
}

uint8_t board_inputs(void)
{
    uint32_t levels = PIN_LEVELS;
    uint8_t bits = 0;
    if ((levels & 1u << PIN_ESTOP) != 0) {
        bits |= HAND_INPUT_ESTOP;
    }
    if ((levels & 1u << PIN_STALL) == 0) {
        bits |= HAND_INPUT_STALL;
    }
    if ((levels & 1u << PIN_BATTERY) == 0) {
        bits |= HAND_INPUT_BATTERY_LOW;
    }
    return bits;
}

/* Until the first pulses, pins of servos are connected to nothing but their pull-down. */
void board_pulses(const uint16_t *us, uint8_t joints)
{
    uint32_t pulses[SERVO_SLICES] = {0};
    for (uint32_t i = 0; us != NULL && i < joints; i++) {
        pulses[i / 2u] |= (uint32_t)us[i] << 16u * (i % 2u);
        PIN_CONTROL(PIN_SERVO + i) = FUNCTION_PWM;
    }
    for (uint32_t i = 0; i < SERVO_SLICES; i++) {
        PWM_PULSES(SERVO_SLICE + i) = pulses[i];
    }
}

void board_feed_watchdog(void)
{
    WATCHDOG_LOAD = WATCHDOG_US * WATCHDOG_PER_US;
}

void board_doze(void)
{
    uint32_t masked = interrupts_off();
    if (uart_is_empty() && !servo_frame_due()) {
        wait_for_interrupt();
    }
    interrupts_restore(masked);
}

static void on_tick(void)
{
    PWM_INTERRUPT_CLEAR = 1u << TICK_SLICE;
    servo_tick();
}

static const struct {
    const uint32_t *stack;
    void (*handlers[36])(void);
} vectors __attribute__((section(".vectors"), used)) = {
    stack_top,
    {
        start,
        stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck,
        stuck, stuck, stuck, stuck,
        on_tick, /* 4 */
        stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck, stuck,
        uart_on_interrupt, /* 20 */
    },
};
