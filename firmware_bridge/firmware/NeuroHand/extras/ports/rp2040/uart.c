#include "uart.h"

#include "cortex_m.h"

#define UART 0x40034000u
#define DATA REGISTER(UART + 0x00u)
#define FLAGS REGISTER(UART + 0x18u)
#define DIVISOR_INTEGER REGISTER(UART + 0x24u)
#define DIVISOR_FRACTION REGISTER(UART + 0x28u)
#define LINE_CONTROL REGISTER(UART + 0x2Cu)
#define CONTROL REGISTER(UART + 0x30u)
#define FIFO_LEVELS REGISTER(UART + 0x34u)
#define INTERRUPTS REGISTER(UART + 0x38u)
#define INTERRUPT_CLEAR REGISTER(UART + 0x44u)

#define RECEIVE_EMPTY (1u << 4)
#define TRANSMIT_FULL (1u << 5)
#define EIGHT_BITS_FIFO (3u << 5 | 1u << 4)
#define RUN_BOTH (1u << 9 | 1u << 8 | 1u)
#define LEVELS_LOWEST 0u /* 4 bytes received, or 4 left to send */
#define ON_RECEIVED (1u << 4)
#define ON_SENT (1u << 5)
#define ON_PAUSE (1u << 6) /* less than that received, and then nothing for 32 bits */

static ring received;
static ring queued;

/* The interrupt for room in the UART's queue comes when it empties, and so only after something was put there. */
static void send_queued(void)
{
    while (ring_count(&queued) > 0 && (FLAGS & TRANSMIT_FULL) == 0) {
        DATA = ring_take(&queued);
    }
    INTERRUPTS = ON_RECEIVED | ON_PAUSE | (ring_count(&queued) > 0 ? ON_SENT : 0u);
}

void uart_begin(uint32_t divisor)
{
    DIVISOR_INTEGER = divisor >> 6;
    DIVISOR_FRACTION = divisor & 0x3Fu;
    LINE_CONTROL = EIGHT_BITS_FIFO;
    FIFO_LEVELS = LEVELS_LOWEST;
    CONTROL = RUN_BOTH;
    INTERRUPTS = ON_RECEIVED | ON_PAUSE;
}

bool uart_is_empty(void)
{
    return ring_count(&received) == 0;
}

bool uart_take(uint8_t *byte)
{
    if (uart_is_empty()) {
        return false;
    }
    *byte = ring_take(&received);
    return true;
}

void uart_send(const uint8_t *bytes, uint8_t size)
{
    if (RING_MAX - ring_count(&queued) < size) {
        return;
    }
    for (uint8_t i = 0; i < size; i++) {
        ring_put(&queued, bytes[i]);
    }
    uint32_t masked = interrupts_off();
    send_queued();
    interrupts_restore(masked);
}

void uart_on_interrupt(void)
{
    INTERRUPT_CLEAR = ON_RECEIVED | ON_SENT | ON_PAUSE;
    while ((FLAGS & RECEIVE_EMPTY) == 0) {
        ring_put(&received, (uint8_t)DATA);
    }
    send_queued();
}
