/* The golden vectors of the filter on an AVR; simavr shows its serial port and ends when it sleeps for good. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdlib.h>

#include "golden_test.h"

static void say(const char *text)
{
    for (; *text; ++text) {
        loop_until_bit_is_set(UCSR0A, UDRE0);
        UDR0 = (uint8_t)*text;
    }
}

int main(void)
{
    char number[12];
    UCSR0B = _BV(TXEN0);
    say("filter ");
    say(ultoa(golden_filter(), number, 10));
    say("\n");
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
