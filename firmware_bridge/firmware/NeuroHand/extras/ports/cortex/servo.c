#include "servo.h"

#include "board.h"
#include "cortex_m.h"

#include <string.h>

#define ABANDONED 3u /* frames taken up since the last one's work was done; one is usual */

static uint8_t used; /* joints */
static volatile uint32_t now_ms;
static uint8_t phase; /* ticks of this frame */
static uint16_t shown[HAND_MAX_JOINTS];
static uint16_t next[HAND_MAX_JOINTS];
static volatile bool staged; /* next is newer than shown */
static volatile bool connected;
static volatile bool due;
static volatile uint8_t undone; /* frames taken up since the last one's work was done */
static volatile bool pressed; /* the emergency stop, since it was last asked for */

void servo_begin(uint8_t joints)
{
    used = joints;
}

uint32_t servo_now_ms(void)
{
    return now_ms;
}

bool servo_frame_due(void)
{
    return due;
}

void servo_frame_done(void)
{
    due = false; /* though a tick has just asked for it again: never two steps before a frame begins */
    undone = 0;
}

bool servo_take_press(void)
{
    uint32_t masked = interrupts_off();
    bool was = pressed;
    pressed = false;
    interrupts_restore(masked);
    return was;
}

void servo_stage(const uint16_t *us, uint8_t joints)
{
    uint32_t masked = interrupts_off();
    memcpy(next, us, joints * sizeof us[0]);
    staged = true;
    interrupts_restore(masked);
}

void servo_attach(bool attached)
{
    uint32_t masked = interrupts_off();
    connected = attached;
    if (!attached) {
        board_pulses(NULL, used);
    }
    interrupts_restore(masked);
}

static void take_up(void)
{
    due = false;
    if (staged) {
        memcpy(shown, next, sizeof shown);
        staged = false;
    }
    if (undone < ABANDONED) {
        undone++;
    }
    board_pulses(connected && undone < ABANDONED && !pressed ? shown : NULL, used);
}

void servo_tick(void)
{
    if ((board_inputs() & HAND_INPUT_ESTOP) != 0) {
        pressed = true;
    }
    now_ms++;
    phase = phase + 1u < HAND_FRAME_MS ? (uint8_t)(phase + 1u) : 0u;
    if (phase == HAND_FRAME_MS - SERVO_WORK_MS) {
        due = !staged; /* what came too late for the last frame goes first */
    } else if (phase == HAND_FRAME_MS - SERVO_TAKEN_UP_MS) {
        take_up();
    }
}
