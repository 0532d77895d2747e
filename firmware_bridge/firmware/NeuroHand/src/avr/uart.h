/* The line: USART 0, 115200 baud, 8N1. Interrupts move the bytes. */
#ifndef HAND_AVR_UART_H
#define HAND_AVR_UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_begin(void);

/* False when nothing has arrived. */
bool uart_take(uint8_t *byte);

bool uart_is_empty(void);

/* All of it or, where the ring has no room, nothing. Never waits. */
void uart_send(const uint8_t *bytes, uint8_t size);

#endif
