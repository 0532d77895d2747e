/* Linked into the firmware with --wrap for both: a bit of the inputs holds the main loop up, before it dozes or
 * before a servo frame's step. */
#include "board.h"

void __wrap_board_doze(void);
void __real_hand_servo_frame(hand *self, uint32_t now_ms);
void __wrap_hand_servo_frame(hand *self, uint32_t now_ms);

static void hang_while(uint8_t bit)
{
    while ((board_inputs() & bit) != 0) {
    }
}

void __wrap_board_doze(void)
{
    hang_while(0x80u);
}

void __wrap_hand_servo_frame(hand *self, uint32_t now_ms)
{
    hang_while(0x40u);
    __real_hand_servo_frame(self, now_ms);
}
