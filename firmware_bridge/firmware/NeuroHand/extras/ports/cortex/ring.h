/* Bytes from an interrupt to the main loop or back: one side puts, the other one takes. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stdint.h>

#define RING_MAX 255u

typedef struct {
    volatile uint8_t bytes[RING_MAX + 1u]; /* the indices wrap by themselves */
    volatile uint8_t head;                 /* written by the side that puts */
    volatile uint8_t tail;                 /* by the one that takes */
} ring;

static inline uint8_t ring_count(const ring *self)
{
    return (uint8_t)(self->head - self->tail);
}

/* A byte for which there is no room is lost. */
static inline void ring_put(ring *self, uint8_t byte)
{
    if (ring_count(self) < RING_MAX) {
        self->bytes[self->head] = byte;
        self->head++;
    }
}

/* Only where ring_count is not 0. */
static inline uint8_t ring_take(ring *self)
{
    uint8_t byte = self->bytes[self->tail];
    self->tail++;
    return byte;
}

#endif
