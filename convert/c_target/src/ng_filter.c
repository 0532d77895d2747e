#include "ng_filter.h"

#include <string.h>

#include "kernel.h"

ng_clipped ng_filter_clipped;

static int32_t samples[NG_CHANNELS], other[NG_CHANNELS];
static uint8_t primed;

static int32_t limited(int64_t value)
{
    return value > NG_LIMIT - 1 ? NG_LIMIT - 1 : value < -NG_LIMIT ? -NG_LIMIT : (int32_t)value;
}

/* Towards minus infinity; the divisor is positive. */
static int64_t floor_divide(int64_t dividend, int64_t divisor)
{
    return dividend / divisor - (dividend % divisor < 0);
}

static void prime_sos(const ng_stage *stage, int32_t *level)
{
    for (uint16_t s = 0; s < stage->n; ++s) {
        const int32_t *coef = stage->weights + 5 * s;
        int32_t *state = stage->state + (size_t)6 * s * NG_CHANNELS;
        const int64_t gain = (int64_t)coef[0] + coef[1] + coef[2];
        const int64_t feedback = ((int64_t)1 << 30) + coef[3] + coef[4];
        memset(state, 0, sizeof(int32_t) * 6 * NG_CHANNELS);
        for (uint16_t c = 0; c < NG_CHANNELS; ++c) {
            const int32_t settled = limited(floor_divide(gain * level[c], feedback));
            state[c] = state[NG_CHANNELS + c] = level[c];
            state[2 * NG_CHANNELS + c] = state[3 * NG_CHANNELS + c] = settled;
            level[c] = settled;
        }
    }
}

static void prime_fir(const ng_stage *stage, int32_t *level)
{
    int64_t gain = 0;
    for (uint16_t k = 0; k < stage->n; ++k) {
        gain += stage->weights[k];
        memcpy(stage->state + (size_t)k * NG_CHANNELS, level, sizeof(int32_t) * NG_CHANNELS);
    }
    stage->cursor[0] = stage->cursor[1] = 0;
    for (uint16_t c = 0; c < NG_CHANNELS; ++c) {
        level[c] = limited((gain * level[c] + ((int64_t)1 << 14)) >> 15);
    }
}

static void prime(int32_t *level)
{
    for (uint8_t i = 0; i < ng_n_stages; ++i) {
        const ng_stage *stage = &ng_stages[i];
        if (stage->kind == NG_SOS) {
            prime_sos(stage, level);
        } else if (stage->kind == NG_FIR) {
            prime_fir(stage, level);
        } else {
            ng_mix(level, 1, NG_CHANNELS, stage->weights, other);
            memcpy(level, other, sizeof other);
        }
    }
}

/* Returns 1 where the frame goes on to the next stage. */
static int run(const ng_stage *stage)
{
    if (stage->kind == NG_SOS) {
        ng_filter_clipped.filter += ng_sos(samples, 1, NG_CHANNELS, stage->weights, stage->n, stage->state);
        return 1;
    }
    if (stage->kind == NG_FIR) {
        if (ng_fir(samples, 1, NG_CHANNELS, stage->weights, stage->n, stage->factor, stage->state,
                   stage->cursor, other, &ng_filter_clipped.filter) == 0) {
            return 0;
        }
    } else {
        ng_filter_clipped.filter += ng_mix(samples, 1, NG_CHANNELS, stage->weights, other);
    }
    memcpy(samples, other, sizeof samples);
    return 1;
}

void ng_filter_reset(void)
{
    primed = 0;
}

int ng_filter_push(const int32_t counts[NG_CHANNELS], int8_t frame[NG_CHANNELS])
{
    ng_filter_clipped.input += ng_load(counts, NG_CHANNELS, 30 - NG_ADC_BITS, samples);
    if (!primed) {
        int32_t level[NG_CHANNELS];
        memcpy(level, samples, sizeof level);
        prime(level);
        primed = 1;
    }
    for (uint8_t i = 0; i < ng_n_stages; ++i) {
        if (!run(&ng_stages[i])) {
            return 0;
        }
    }
    ng_filter_clipped.output += ng_scale(samples, 1, NG_CHANNELS, ng_scale_offset, ng_scale_multiplier,
                                         ng_scale_shift, frame);
    return 1;
}
