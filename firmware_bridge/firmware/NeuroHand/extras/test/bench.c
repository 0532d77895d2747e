#include "bench.h"

#include "judge.h"
#include "test_profiles.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    judge board;
};

bench *bench_new(uint8_t profile, uint8_t reset)
{
    bench *self = calloc(1, sizeof *self);
    if (self != NULL) {
        judge_start(&self->board, test_profiles[profile], reset);
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
        judge_receive(&self->board, bytes[i], now_ms);
    }
}

void bench_poll(bench *self, uint32_t now_ms)
{
    judge_poll(&self->board, now_ms);
}

void bench_servo_frame(bench *self, uint32_t now_ms)
{
    judge_servo_frame(&self->board, now_ms);
}

void bench_inputs(bench *self, uint8_t bits)
{
    self->board.inputs = bits;
}

uint32_t bench_take(bench *self, uint8_t *bytes)
{
    uint32_t size = self->board.tx_size;
    memcpy(bytes, self->board.tx, size);
    self->board.tx_size = 0;
    return size;
}

uint32_t bench_look(const bench *self, uint16_t *us)
{
    const hand *core = &self->board.core;
    for (uint8_t i = 0; i < core->motion.joints; i++) {
        us[i] = self->board.attached ? self->board.us[i] : 0;
    }
    return core->safety.state | ((uint32_t)core->action << 8) | ((uint32_t)core->safety.fault << 16);
}

const char *bench_fault(const bench *self)
{
    return self->board.first_fault;
}

uint32_t bench_count(const bench *self, uint8_t what)
{
    const uint32_t counts[] = {self->board.faults, self->board.switched};
    return counts[what];
}

void bench_corrupt(bench *self, uint16_t target_us, uint8_t speed)
{
    self->board.core.motion.target_us[0] = target_us;
    self->board.core.motion.speed = speed;
}

uint8_t bench_next(uint8_t state, uint8_t event)
{
    return hand_safety_next(state, event);
}

uint16_t bench_begin(uint8_t state, uint16_t ttl_ms)
{
    hand_safety safety;
    hand_safety_init(&safety, &hand_profile_arm);
    safety.state = state;
    uint8_t refusal = hand_safety_begin(&safety, 0, ttl_ms, true);
    return (uint16_t)(refusal | (safety.state << 8));
}

uint16_t bench_gate(uint8_t state, uint16_t present_us, uint16_t wanted_us)
{
    hand_safety safety;
    hand_safety_init(&safety, &hand_profile_arm);
    safety.state = state;
    return hand_safety_gate(&safety, 0, present_us, wanted_us);
}
