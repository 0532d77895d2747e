/* A watched hand (judge.h) for a test in another language, as a shared library. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bench bench;

/* `profile`: index into test_profiles.h; `reset`: enum hand_reset. */
bench *bench_new(uint8_t profile, uint8_t reset);
void bench_free(bench *self);
void bench_receive(bench *self, const uint8_t *bytes, uint32_t size, uint32_t now_ms);
void bench_poll(bench *self, uint32_t now_ms);
void bench_servo_frame(bench *self, uint32_t now_ms);

/* HAND_INPUT_* bits of the inputs that are active from now on. */
void bench_inputs(bench *self, uint8_t bits);

/* Moves what was transmitted to `bytes` (room for JUDGE_TX_MAX) and returns how much that was. */
uint32_t bench_take(bench *self, uint8_t *bytes);

/* The pulses (0: detached); returns state in bits 0-7, action in 8-15, fault in 16-23. */
uint32_t bench_look(const bench *self, uint16_t *us);

/* The first of what the judge found wrong; NULL: nothing. */
const char *bench_fault(const bench *self);

/* 0: how much the judge found wrong; 1: how often outputs were switched. */
uint32_t bench_count(const bench *self, uint8_t what);

/* As if motion, or memory, had gone wrong: what joint 0 is to do from here. */
void bench_corrupt(bench *self, uint16_t target_us, uint8_t speed);

/* hand_safety_next. */
uint8_t bench_next(uint8_t state, uint8_t event);

/* hand_safety_begin of a hand in `state`, for a command that moves: the refusal, and in the next byte the state after. */
uint16_t bench_begin(uint8_t state, uint16_t ttl_ms);

/* hand_safety_gate for joint 0 of a hand in `state`. */
uint16_t bench_gate(uint8_t state, uint16_t present_us, uint16_t wanted_us);

#endif
