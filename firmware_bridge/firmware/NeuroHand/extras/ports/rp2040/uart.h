/* UART 0, with a queue each way besides its own of 32 bytes. */
#ifndef UART_H
#define UART_H

#include "ring.h"

#define UART_INTERRUPT 20u

/* Divisor of 16 times the clock, in 1/64. */
void uart_begin(uint32_t divisor);

bool uart_is_empty(void);
bool uart_take(uint8_t *byte);

/* All of it or, where there is no room, nothing. */
void uart_send(const uint8_t *bytes, uint8_t size);

void uart_on_interrupt(void);

#endif
