#include "bench.h"

#include "NeuroHand.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    hand core;
    hand_hal hal;
    bool estop;
    bool attached;
    uint32_t attaches;
    uint32_t faults; /* pulses outside the profile, above its rate, or without ARM */
    bool limits_hold; /* the profile's limits are ones that a servo can keep */
    uint16_t us[HAND_MAX_JOINTS];
    uint32_t tx_size;
    uint8_t tx[BENCH_TX_MAX];
};

static uint16_t distance(uint16_t a, uint16_t b)
{
    return a > b ? (uint16_t)(a - b) : (uint16_t)(b - a);
}

static void write_pulses(void *context, const uint16_t *us, uint8_t joints)
{
    bench *self = context;
    for (uint8_t i = 0; i < joints; i++) {
        const hand_joint *joint = &self->core.profile->joint[i];
        bool outside = us[i] < HAND_PULSE_MIN_US || us[i] > HAND_PULSE_MAX_US ||
                       (self->limits_hold && (us[i] < joint->min_us || us[i] > joint->max_us));
        bool fast = self->attached && distance(us[i], self->us[i]) > joint->rate_us;
        if (outside || fast) {
            self->faults++;
        }
        self->us[i] = us[i];
    }
}

static void attach(void *context, bool attached)
{
    bench *self = context;
    if (attached && self->core.safety.state != HAND_STATE_ARMED) {
        self->faults++;
    }
    self->attached = attached;
    self->attaches++;
}

static void transmit(void *context, const uint8_t *bytes, uint8_t size)
{
    bench *self = context;
    if (self->tx_size + size <= BENCH_TX_MAX) {
        memcpy(&self->tx[self->tx_size], bytes, size);
        self->tx_size += size;
    }
}

static bool estop_pressed(void *context)
{
    return ((bench *)context)->estop;
}

/* A profile with every number wrong: the core must keep to HAND_PULSE_MIN_US and HAND_PULSE_MAX_US. */
static const hand_profile wild_profile = {
    .name = "fifteen letters",
    .joints = 1,
    .watchdog_ms = 250,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .actions = 1ul << HAND_ACTION_FIST,
    .joint = {{1, 65535, 65535, 65535}},
    .pose = {[HAND_ACTION_FIST] = {1}},
};

/* Limits the wrong way round and out of range, too many joints, a watchdog that never bites. */
static const hand_profile swapped_profile = {
    .name = "swapped",
    .joints = 9,
    .watchdog_ms = 65535,
    .limp_ms = 2000,
    .max_ttl_ms = 10000,
    .joint = {{10000, 2000, 33, 1250}, {1000, 200, 33, 1250}, {2000, 1000, 33, 1250},
              {600, 2400, 33, 1500}, {600, 2400, 33, 1500}, {600, 2400, 33, 1500},
              {600, 2400, 33, 1500}, {600, 2400, 33, 1500}},
};

static const hand_profile *const profiles[] = {&hand_profile_arm, &wild_profile, &swapped_profile};

bench *bench_new(uint8_t profile)
{
    bench *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->hal = (hand_hal){self, write_pulses, attach, transmit, estop_pressed};
        self->limits_hold = profiles[profile] != &swapped_profile;
        hand_init(&self->core, profiles[profile], &self->hal);
    }
    return self;
}

void bench_free(bench *self)
{
    free(self);
}

void bench_receive(bench *self, const uint8_t *bytes, uint32_t size, uint32_t now_ms)
{
    for (uint32_t i = 0; i < size; i++) {
        hand_receive(&self->core, bytes[i], now_ms);
    }
}

void bench_poll(bench *self, uint32_t now_ms)
{
    hand_poll(&self->core, now_ms);
}

void bench_servo_frame(bench *self, uint32_t now_ms)
{
    hand_servo_frame(&self->core, now_ms);
}

void bench_estop(bench *self, bool pressed)
{
    self->estop = pressed;
}

uint32_t bench_take(bench *self, uint8_t *bytes)
{
    uint32_t size = self->tx_size;
    memcpy(bytes, self->tx, size);
    self->tx_size = 0;
    return size;
}

uint32_t bench_look(const bench *self, uint16_t *us)
{
    for (uint8_t i = 0; i < self->core.motion.joints; i++) {
        us[i] = self->attached ? self->us[i] : 0;
    }
    return self->core.safety.state | ((uint32_t)self->core.action << 8) | ((uint32_t)self->core.safety.fault << 16);
}

uint32_t bench_count(const bench *self, uint8_t what)
{
    const uint32_t counts[] = {self->faults, self->attaches};
    return counts[what];
}

void bench_corrupt(bench *self, uint16_t target_us, uint8_t speed)
{
    self->core.motion.target_us[0] = target_us;
    self->core.motion.speed = speed;
}

uint16_t bench_gate(uint8_t state, uint16_t present_us, uint16_t wanted_us)
{
    hand_safety safety;
    hand_safety_init(&safety, &hand_profile_arm);
    safety.state = state;
    return hand_safety_gate(&safety, 0, present_us, wanted_us);
}
