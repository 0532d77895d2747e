#ifdef __AVR__

#include "uart.h"

#include "chip.h"

#include <avr/interrupt.h>

#define DIVIDER 16u /* 115200 baud at 16 MHz and double speed, 2.1 % fast */
#define RING 128u /* a power of two; 11 ms of bytes */
#define UART_ON ((uint8_t)(_BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0)))

/* One side writes the head, the other the tail. */
static volatile uint8_t received[RING];
static volatile uint8_t received_head;
static volatile uint8_t received_tail;
static volatile uint8_t queued[RING];
static volatile uint8_t queued_head;
static volatile uint8_t queued_tail;

static uint8_t after(uint8_t index)
{
    return (uint8_t)((index + 1u) % RING);
}

void uart_begin(void)
{
    UBRR0 = DIVIDER;
    UCSR0A = _BV(U2X0);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = UART_ON;
}

bool uart_is_empty(void)
{
    return received_tail == received_head;
}

bool uart_take(uint8_t *byte)
{
    uint8_t tail = received_tail;
    if (tail == received_head) {
        return false;
    }
    *byte = received[tail];
    received_tail = after(tail);
    return true;
}

void uart_send(const uint8_t *bytes, uint8_t size)
{
    uint8_t head = queued_head;
    uint8_t waiting = (uint8_t)((uint8_t)(head - queued_tail) % RING);
    if (size >= RING - waiting) {
        return;
    }
    for (uint8_t i = 0; i < size; i++) {
        queued[head] = bytes[i];
        head = after(head);
    }
    queued_head = head;
    UCSR0B = UART_ON | _BV(UDRIE0);
}

ISR(CHIP_UART_RX_vect)
{
    uint8_t byte = UDR0;
    uint8_t head = received_head;
    uint8_t next = after(head);
    if (next != received_tail) { /* else the frame it belongs to fails its CRC */
        received[head] = byte;
        received_head = next;
    }
}

ISR(CHIP_UART_UDRE_vect)
{
    uint8_t tail = queued_tail;
    UDR0 = queued[tail];
    tail = after(tail);
    queued_tail = tail;
    if (tail == queued_head) {
        UCSR0B = UART_ON;
    }
}

#endif
