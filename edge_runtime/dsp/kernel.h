/* Streaming integer filters: the reference arithmetic of training, of the board and of the
 * microcontroller. Portable C99, no allocation, no float. The same recurrences in numpy are in
 * twin.py; a test holds the two together bit for bit.
 *
 * Samples are int32 and stay within +-NG_LIMIT, so that no accumulator can overflow as long as the
 * absolute values of a section's five coefficients sum to at most 2^33 - 2 (less than 8 in Q30).
 */
#ifndef NG_KERNEL_H
#define NG_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define NG_LIMIT ((int32_t)1 << 30)

/* Clip counts times 2^shift to the sample range; shift in 0..29. Returns how many counts are at the rails
 * of a converter whose full scale this makes 2^29, or beyond. */
uint32_t ng_load(const int32_t *counts, size_t n, unsigned shift, int32_t *out);

/* Second-order sections, direct form I with second-order error feedback, in place.
 * frames [n_frames][n_channels]; coefs [n_sections][5] = b0 b1 b2 a1 a2 in Q30 (a0 = 1);
 * state [n_sections][6][n_channels] = x1 x2 y1 y2 e1 e2. Returns how many samples were clipped. */
uint32_t ng_sos(int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *coefs,
                size_t n_sections, int32_t *state);

/* FIR, keeping one frame in `factor`. taps [n_taps] in Q15; history [n_taps][n_channels] is a ring.
 * cursor[0] = ring position of the newest frame, cursor[1] = frames since the last kept one.
 * Returns the number of frames written to out. */
size_t ng_fir(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *taps,
              size_t n_taps, uint32_t factor, int32_t *history, uint32_t *cursor, int32_t *out,
              uint32_t *n_clipped);

/* Each frame times a square matrix: out[i] = clip((sum_j weights[i][j] * in[j] + half) >> 30).
 * weights [n_channels][n_channels] in Q30, the absolute values of a row summing to at most 2^30. Returns how
 * many samples were clipped. */
uint32_t ng_mix(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *weights,
                int32_t *out);

/* out = clip_int8(((in - offset) * multiplier + half) >> shift), per channel; shift in 1..62.
 * Returns how many samples were clipped. */
uint32_t ng_scale(const int32_t *frames, size_t n_frames, size_t n_channels, const int32_t *offset,
                  const int32_t *multiplier, const int32_t *shift, int8_t *out);

#endif
