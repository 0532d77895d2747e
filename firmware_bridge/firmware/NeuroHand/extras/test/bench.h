/* The core on a bench: a board made of variables, for a test to drive, also from another language through a
 * shared library. Every pulse that goes out is checked there too, whatever the test looks at. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_TX_MAX 65536u

typedef struct bench bench;

/* Profile 0: arm; 1: every number out of range; 2: limits the wrong way round, too many joints. */
bench *bench_new(uint8_t profile);
void bench_free(bench *self);
void bench_receive(bench *self, const uint8_t *bytes, uint32_t size, uint32_t now_ms);
void bench_poll(bench *self, uint32_t now_ms);
void bench_servo_frame(bench *self, uint32_t now_ms);
void bench_estop(bench *self, bool pressed);

/* Moves what was transmitted to `bytes` (room for BENCH_TX_MAX) and returns how much that was. */
uint32_t bench_take(bench *self, uint8_t *bytes);

/* The pulses (0: detached); returns state in bits 0-7, action in 8-15, fault in 16-23. */
uint32_t bench_look(const bench *self, uint16_t *us);

/* 0: pulses outside the profile, above its rate, or without ARM; 1: how often outputs were switched. */
uint32_t bench_count(const bench *self, uint8_t what);

/* As if motion, or memory, had gone wrong: what joint 0 is to do from here. */
void bench_corrupt(bench *self, uint16_t target_us, uint8_t speed);

/* hand_safety_gate for joint 0 of a hand in `state`. */
uint16_t bench_gate(uint8_t state, uint16_t present_us, uint16_t wanted_us);

#endif
