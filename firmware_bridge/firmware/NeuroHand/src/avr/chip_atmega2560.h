/* ATmega2560: Arduino Mega. */
#define CHIP_SERVOS \
    { \
        {&PORTE, _BV(5)}, {&PORTG, _BV(5)}, {&PORTE, _BV(3)}, {&PORTH, _BV(3)}, \
        {&PORTH, _BV(4)}, {&PORTH, _BV(5)}, {&PORTH, _BV(6)}, {&PORTB, _BV(4)} \
    } /* D3 to D10 */
#define CHIP_ESTOP {&PORTE, _BV(4)}       /* D2 */
#define CHIP_STALL {&PORTF, _BV(0)}       /* A0 */
#define CHIP_BATTERY_LOW {&PORTF, _BV(1)} /* A1 */

#define CHIP_UART_RX_vect USART0_RX_vect
#define CHIP_UART_UDRE_vect USART0_UDRE_vect
