/* The filter of one signal: a frame of counts in, and of every NG_DECIMATION frames one int8 frame out.
 * The arithmetic is kernel.c's, the same that trained the network. One filter, no allocation, no float. */
#ifndef NG_FILTER_H
#define NG_FILTER_H

#include <stdint.h>

#include "ng_signal.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { NG_SOS, NG_FIR, NG_MIX } ng_stage_kind;

/* One step of the filter; its state is the caller's memory. */
typedef struct {
    ng_stage_kind kind;
    const int32_t *weights; /* NG_SOS: [n][5], NG_FIR: [n], NG_MIX: [NG_CHANNELS][NG_CHANNELS] */
    uint16_t n;             /* sections, or taps */
    uint16_t factor;        /* NG_FIR: keeps one frame in so many */
    int32_t *state;         /* NG_SOS: [n][6][NG_CHANNELS], NG_FIR: [n][NG_CHANNELS] */
    uint32_t *cursor;       /* NG_FIR: [2] */
} ng_stage;

/* In ng_signal.c. */
extern const uint8_t ng_n_stages;
extern const ng_stage ng_stages[];
extern const int32_t ng_scale_offset[NG_CHANNELS];
extern const int32_t ng_scale_multiplier[NG_CHANNELS];
extern const int32_t ng_scale_shift[NG_CHANNELS];

/* Samples that met a limit since the program began. */
typedef struct {
    uint32_t input;  /* counts at the rails of NG_ADC_BITS, or beyond */
    uint32_t filter; /* inside the stages */
    uint32_t output; /* at the int8 frame */
} ng_clipped;

extern ng_clipped ng_filter_clipped;

/* Forget everything: at a gap that is not filled in. The next frame primes every stage with the state it would
 * have if that frame had been there for ever. */
void ng_filter_reset(void);

/* Returns 1 where `frame` was written, 0 where the decimation kept nothing. */
int ng_filter_push(const int32_t counts[NG_CHANNELS], int8_t frame[NG_CHANNELS]);

#ifdef __cplusplus
}
#endif

#endif
