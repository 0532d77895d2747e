/* The CMSDK's UART, with a queue each way. */
#ifndef UART_H
#define UART_H

#include "ring.h"

#define UART0 0x40004000u
#define UART1 0x40005000u

/* Numbers of interrupts. */
#define UART0_RECEIVED 0u
#define UART0_SENT 1u
#define UART1_RECEIVED 2u
#define UART1_SENT 3u

typedef struct {
    uint32_t base;
    ring received;
    ring queued;
} uart;

/* The divisor of the clock is at least 16. */
void uart_begin(uart *self, uint32_t base, uint32_t divisor);

/* All of it or, where there is no room, nothing. */
void uart_send(uart *self, const uint8_t *bytes, uint8_t size);

/* For the interrupts. */
void uart_on_received(uart *self);
void uart_on_sent(uart *self);

#endif
