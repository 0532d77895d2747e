#include "kernel.h"

/* C leaves >> of a negative value to the implementation; every arithmetic below needs it arithmetic. */
typedef char ng_needs_arithmetic_shift[((-1) >> 1) == -1 ? 1 : -1];

#define Q30_MASK (((int64_t)1 << 30) - 1)
#define FIR_WIDTH 8

static int32_t clip(int64_t value, uint32_t *n_clipped)
{
    if (value > NG_LIMIT - 1) {
        ++*n_clipped;
        return NG_LIMIT - 1;
    }
    if (value < -NG_LIMIT) {
        ++*n_clipped;
        return -NG_LIMIT;
    }
    return (int32_t)value;
}

uint32_t ng_load(const int32_t *counts, size_t n, unsigned shift, int32_t *out)
{
    const int32_t rail = (int32_t)1 << (29 - shift);
    uint32_t n_at_rails = 0, n_clipped = 0;
    for (size_t i = 0; i < n; ++i) {
        n_at_rails += counts[i] >= rail - 1 || counts[i] <= -rail;
        out[i] = clip((int64_t)counts[i] * ((int64_t)1 << shift), &n_clipped);
    }
    return n_at_rails;
}

uint32_t ng_sos(int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *coefs,
                size_t n_sections, int32_t *state)
{
    uint32_t n_clipped = 0;
    for (size_t s = 0; s < n_sections; ++s) {
        const int64_t b0 = coefs[5 * s], b1 = coefs[5 * s + 1], b2 = coefs[5 * s + 2];
        const int64_t a1 = coefs[5 * s + 3], a2 = coefs[5 * s + 4];
        int32_t *x1 = state + 6 * s * n_channels, *x2 = x1 + n_channels;
        int32_t *y1 = x2 + n_channels, *y2 = y1 + n_channels;
        int32_t *e1 = y2 + n_channels, *e2 = e1 + n_channels;
        int32_t *frame = frames;
        for (size_t i = 0; i < n_frames; ++i, frame += n_channels) {
            for (size_t c = 0; c < n_channels; ++c) {
                const int32_t x = frame[c];
                const int64_t acc = 2 * (int64_t)e1[c] - e2[c] + b0 * x + b1 * x1[c] + b2 * x2[c]
                                    - a1 * y1[c] - a2 * y2[c];
                const int32_t y = clip(acc >> 30, &n_clipped);
                e2[c] = e1[c];
                e1[c] = (int32_t)(acc & Q30_MASK);
                x2[c] = x1[c];
                x1[c] = x;
                y2[c] = y1[c];
                y1[c] = y;
                frame[c] = y;
            }
        }
    }
    return n_clipped;
}

/* acc[c] += the taps, newest first, times the past of channel c, from ring position `row` backwards. */
static inline void convolve(const int32_t *taps, size_t n_taps, const int32_t *history, size_t n_channels,
                            size_t row, size_t width, int64_t *acc)
{
    for (size_t k = 0; k < n_taps; ++k) {
        const int32_t *past = history + row * n_channels;
        for (size_t c = 0; c < width; ++c) {
            acc[c] += (int64_t)taps[k] * past[c];
        }
        row = row == 0 ? n_taps - 1 : row - 1;
    }
}

size_t ng_fir(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *taps,
              size_t n_taps, uint32_t factor, int32_t *history, uint32_t *cursor, int32_t *out,
              uint32_t *n_clipped)
{
    size_t newest = cursor[0];
    uint32_t phase = cursor[1];
    size_t n_out = 0;
    for (size_t i = 0; i < n_frames; ++i, frames += n_channels) {
        newest = newest + 1 == n_taps ? 0 : newest + 1;
        for (size_t c = 0; c < n_channels; ++c) {
            history[newest * n_channels + c] = frames[c];
        }
        if (++phase < factor) {
            continue;
        }
        phase = 0;
        for (size_t first = 0; first < n_channels; first += FIR_WIDTH) {
            const size_t left = n_channels - first;
            int64_t acc[FIR_WIDTH];
            for (size_t c = 0; c < FIR_WIDTH; ++c) {
                acc[c] = (int64_t)1 << 14;
            }
            if (left >= FIR_WIDTH) { /* with a width that the compiler knows */
                convolve(taps, n_taps, history + first, n_channels, newest, FIR_WIDTH, acc);
            } else {
                convolve(taps, n_taps, history + first, n_channels, newest, left, acc);
            }
            for (size_t c = 0; c < FIR_WIDTH && c < left; ++c) {
                *out++ = clip(acc[c] >> 15, n_clipped);
            }
        }
        ++n_out;
    }
    cursor[0] = (uint32_t)newest;
    cursor[1] = phase;
    return n_out;
}

uint32_t ng_mix(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *weights,
                int32_t *out)
{
    uint32_t n_clipped = 0;
    for (size_t i = 0; i < n_frames; ++i, frames += n_channels) {
        const int32_t *weight = weights;
        for (size_t c = 0; c < n_channels; ++c) {
            int64_t acc = (int64_t)1 << 29;
            for (size_t k = 0; k < n_channels; ++k) {
                acc += (int64_t)*weight++ * frames[k];
            }
            *out++ = clip(acc >> 30, &n_clipped);
        }
    }
    return n_clipped;
}

uint32_t ng_scale(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *offset,
                  const int32_t *multiplier, const int32_t *shift, int8_t *out)
{
    uint32_t n_clipped = 0;
    for (size_t i = 0; i < n_frames; ++i) {
        for (size_t c = 0; c < n_channels; ++c) {
            int64_t value = ((int64_t)*frames++ - offset[c]) * multiplier[c];
            value = (value + ((int64_t)1 << (shift[c] - 1))) >> shift[c];
            if (value > 127 || value < -128) {
                ++n_clipped;
                value = value > 127 ? 127 : -128;
            }
            *out++ = (int8_t)value;
        }
    }
    return n_clipped;
}
