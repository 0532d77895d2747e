#ifdef __AVR__

#include "servo.h"

#include "../hand_profile.h"
#include "chip.h"

#include <avr/interrupt.h>
#include <util/atomic.h>

#define SLOTS HAND_MAX_JOINTS
#define TICKS(us) ((uint16_t)((us) * 2u)) /* 16 MHz, divided by 8 */
#define SLOT_US (HAND_FRAME_MS * 1000u / SLOTS)
#define EMPTY_SLOT_US 1250u /* an empty slot's second interrupt: the main loop is never asleep for longer */
#define ABANDONED 3u        /* frames begun since the last one's work was done; one is usual */

/* The interrupt comes this early and then waits for the edge, so that no other interrupt moves it. */
#define LEAD_US 16u

#if F_CPU != 16000000UL
#error "the times of this port are those of a 16 MHz crystal"
#endif

static const chip_pin pins[SLOTS] = CHIP_SERVOS;

static uint8_t used; /* joints */
static volatile uint16_t pulse[2][SLOTS]; /* ticks; the interrupt reads one half, the other is staged */
static volatile uint8_t shown;
static volatile bool staged;
static volatile bool connected;
static volatile bool pulsing; /* connected since before this frame began */
static volatile bool due;
static volatile uint8_t undone; /* frames begun since the last one's work was done */
static volatile bool pressed; /* the emergency stop, since it was last asked for */
static volatile uint32_t frame_ms;
static volatile uint16_t frame_start; /* ticks */

static uint8_t slot;
static uint16_t slot_start;
static uint16_t edge; /* what the next interrupt is for */
static bool in_slot;  /* that edge is the second of its slot */
static bool high;

void servo_begin(uint8_t joints)
{
    used = joints;
    for (uint8_t i = 0; i < joints; i++) {
        pins[i].port[0] &= (uint8_t)~pins[i].mask;
        pins[i].port[-1] |= pins[i].mask;
    }
    TCCR1A = 0;
    TCCR1B = _BV(CS11);
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        frame_start = TCNT1;
        slot_start = (uint16_t)(frame_start + TICKS(HAND_FRAME_MS * 1000u));
        edge = slot_start;
        OCR1A = (uint16_t)(edge - TICKS(LEAD_US));
        TIFR1 = _BV(OCF1A);
        TIMSK1 = _BV(OCIE1A);
    }
}

uint32_t servo_now_ms(void)
{
    uint32_t ms = 0;
    uint16_t since = 0;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        ms = frame_ms;
        since = (uint16_t)(TCNT1 - frame_start);
    }
    return ms + since / TICKS(1000u);
}

bool servo_frame_due(void)
{
    return due;
}

void servo_frame_done(void)
{
    due = false; /* though the interrupt has just asked for it again: never two steps before a frame begins */
    undone = 0;
}

bool servo_was_stopped(void)
{
    if (!pressed) {
        return false;
    }
    servo_attach(false); /* as the core will; no slot begins a pulse until then */
    pressed = false;
    return true;
}

void servo_stage(const uint16_t *us, uint8_t joints)
{
    staged = false; /* a frame that begins now keeps the old ones */
    for (uint8_t i = 0; i < joints; i++) {
        pulse[shown ^ 1u][i] = TICKS(us[i]);
    }
    staged = true;
}

void servo_attach(bool attached)
{
    connected = attached;
    if (!attached) {
        pulsing = false;
    }
}

static inline void begin_frame(void)
{
    if (staged) {
        shown ^= 1u;
        staged = false;
    }
    if (undone < ABANDONED) {
        undone++;
    }
    pulsing = connected && undone < ABANDONED;
    frame_start = edge;
    frame_ms += HAND_FRAME_MS;
}

ISR(TIMER1_COMPA_vect)
{
    const chip_pin *pin = &pins[slot];
    volatile uint8_t *port = pin->port;
    uint8_t mask = pin->mask;
    bool rise = false;

    if (!in_slot) {
        if (slot == 0) {
            begin_frame();
        }
        if (chip_estop_pressed()) {
            pressed = true;
        }
        rise = pulsing && slot < used && !pressed;
    }
    while ((int16_t)(TCNT1 - edge) < 0) {
    }
    if (rise) {
        *port |= mask;
    } else if (high) {
        *port &= (uint8_t)~mask;
    }
    high = rise;

    if (slot == SLOTS - 1u && in_slot == (used < SLOTS)) {
        due = !staged; /* what came too late for the last frame goes first */
    }
    in_slot = !in_slot;
    if (in_slot) {
        edge = (uint16_t)(slot_start + (rise ? pulse[shown][slot] : TICKS(EMPTY_SLOT_US)));
    } else {
        slot = (uint8_t)((slot + 1u) % SLOTS);
        slot_start = (uint16_t)(slot_start + TICKS(SLOT_US));
        edge = slot_start;
    }
    OCR1A = (uint16_t)(edge - TICKS(LEAD_US));
}

#endif
