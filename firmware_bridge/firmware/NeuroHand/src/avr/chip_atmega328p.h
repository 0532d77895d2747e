/* ATmega328P: Arduino Uno and Nano. */
#define CHIP_SERVOS \
    { \
        {&PORTD, _BV(3)}, {&PORTD, _BV(4)}, {&PORTD, _BV(5)}, {&PORTD, _BV(6)}, \
        {&PORTD, _BV(7)}, {&PORTB, _BV(0)}, {&PORTB, _BV(1)}, {&PORTB, _BV(2)} \
    } /* D3 to D10 */
#define CHIP_ESTOP {&PORTD, _BV(2)}       /* D2 */
#define CHIP_STALL {&PORTC, _BV(0)}       /* A0 */
#define CHIP_BATTERY_LOW {&PORTC, _BV(1)} /* A1 */

#define CHIP_UART_RX_vect USART_RX_vect
#define CHIP_UART_UDRE_vect USART_UDRE_vect
