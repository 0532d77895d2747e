#include "uart.h"

#include "cortex_m.h"

#define DATA(uart) REGISTER((uart)->base + 0x00u)
#define STATE(uart) REGISTER((uart)->base + 0x04u)
#define CONTROL(uart) REGISTER((uart)->base + 0x08u)
#define INTERRUPT_CLEAR(uart) REGISTER((uart)->base + 0x0Cu)
#define DIVISOR(uart) REGISTER((uart)->base + 0x10u)

#define STATE_TRANSMIT_FULL 0x1u
#define CONTROL_ALL 0xFu /* both directions, with interrupts */
#define INTERRUPT_TRANSMIT 0x1u
#define INTERRUPT_RECEIVE 0x2u

static void send_queued(uart *self)
{
    while (ring_count(&self->queued) > 0 && (STATE(self) & STATE_TRANSMIT_FULL) == 0) {
        DATA(self) = ring_take(&self->queued);
    }
}

void uart_begin(uart *self, uint32_t base, uint32_t divisor)
{
    self->base = base;
    DIVISOR(self) = divisor;
    CONTROL(self) = CONTROL_ALL;
}

void uart_send(uart *self, const uint8_t *bytes, uint8_t size)
{
    if (RING_MAX - ring_count(&self->queued) < size) {
        return;
    }
    for (uint8_t i = 0; i < size; i++) {
        ring_put(&self->queued, bytes[i]);
    }
    uint32_t masked = interrupts_off();
    send_queued(self);
    interrupts_restore(masked);
}

void uart_on_received(uart *self)
{
    INTERRUPT_CLEAR(self) = INTERRUPT_RECEIVE;
    ring_put(&self->received, (uint8_t)DATA(self));
}

void uart_on_sent(uart *self)
{
    INTERRUPT_CLEAR(self) = INTERRUPT_TRANSMIT;
    send_queued(self);
}
